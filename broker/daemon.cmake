# SPDX-License-Identifier: Apache-2.0
# The daemon's surroundings: command line, configuration, listening addresses.
ringbus_library(ringbus_daemon
  SOURCES access.c access_cookie.c access_path.c access_report.c access_talk.c announce.c config.c
          config_draft.c config_element.c config_report.c config_rule.c config_section.c
          config_services.c config_source.c config_suggest.c config_xml.c daemonize.c limits.c
          listen.c listen_nonce.c listen_socket.c listen_systemd.c listen_tcp.c lsm.c options.c
          options_own.c pidfile.c root.c runas.c users.c
  DEPENDS ringbus_base ringbus_proto ringbus_io ringbus_auth ringbus_router PkgConfig::EXPAT
          PkgConfig::LIBSYSTEMD)
# Of the security modules, those whose libraries are there.
foreach(module SELINUX APPARMOR)
  string(TOLOWER ${module} name)
  if(LIB${module}_FOUND)
    target_sources(ringbus_daemon PRIVATE lsm_${name}.c)
    target_compile_definitions(ringbus_daemon PRIVATE RINGBUS_HAVE_${module}=1)
    target_link_libraries(ringbus_daemon PUBLIC PkgConfig::LIB${module})
  else()
    target_compile_definitions(ringbus_daemon PRIVATE RINGBUS_HAVE_${module}=0)
  endif()
endforeach()
