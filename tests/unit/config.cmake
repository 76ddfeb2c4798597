# SPDX-License-Identifier: Apache-2.0
# The daemon's command line, configuration and listening addresses. The configuration tests need the
# packages dbus-daemon (the reference's verdict) and dbus-tests (its test files).
ringbus_unit_test(options DEPENDS ringbus_daemon)
ringbus_unit_test(users DEPENDS ringbus_daemon)
ringbus_unit_test(config
  SOURCES test_config.c config_fixture.c config_cases.c ../support/config_memory.c
  DEPENDS ringbus_daemon)
ringbus_unit_test(config_includes
  SOURCES test_config_includes.c config_fixture.c ../support/config_memory.c
  DEPENDS ringbus_daemon)
ringbus_unit_test(config_rules
  SOURCES test_config_rules.c config_fixture.c ../support/config_memory.c
  DEPENDS ringbus_daemon)
ringbus_unit_test(config_data
  SOURCES test_config_data.c config_describe.c config_fixture.c ../support/config_memory.c
  DEPENDS ringbus_daemon)
ringbus_unit_test(config_memory
  SOURCES test_config_memory.c ../support/config_memory.c DEPENDS ringbus_daemon)
ringbus_short_of_memory(test_config_memory)
target_link_options(test_config_memory PRIVATE -Wl,--wrap=XML_ParserCreate)
ringbus_unit_test(config_files
  SOURCES test_config_files.c config_fixture.c ../support/config_memory.c
  DEPENDS ringbus_daemon)
ringbus_unit_test(config_reference
  SOURCES test_config_reference.c config_cases.c config_fixture.c ../support/config_memory.c
  DEPENDS ringbus_daemon)
ringbus_unit_test(listen SOURCES test_listen.c listen_fixture.c DEPENDS ringbus_daemon)
ringbus_unit_test(listen_tcp SOURCES test_listen_tcp.c listen_fixture.c DEPENDS ringbus_daemon)
ringbus_unit_test(listen_systemd
  SOURCES test_listen_systemd.c listen_fixture.c DEPENDS ringbus_daemon)
ringbus_unit_test(bus_workers
  SOURCES test_bus_workers.c config_fixture.c listen_fixture.c ../support/config_memory.c
          ${RINGBUS_BUS_SOURCES}
  DEPENDS ringbus_daemon ringbus_gate ringbus_worker ringbus_test_support)
target_link_options(test_bus_workers PRIVATE -Wl,--wrap=io_new)
ringbus_unit_test(clerk SOURCES test_clerk.c "${CMAKE_SOURCE_DIR}/broker/clerk.c"
  DEPENDS ringbus_daemon)
if(LIBSELINUX_FOUND AND LIBAPPARMOR_FOUND)
  foreach(name lsm lsm_selinux lsm_apparmor)
    ringbus_unit_test(${name} SOURCES test_${name}.c lsm_fixture.c DEPENDS ringbus_daemon)
    ringbus_fake_lsm(test_${name})
    target_link_options(test_${name} PRIVATE -Wl,--wrap=log_line)
  endforeach()
  ringbus_short_of_memory(test_lsm)
endif()
# The same file once more, built as on a machine without those libraries.
ringbus_unit_test(lsm_without SOURCES test_lsm_without.c "${CMAKE_SOURCE_DIR}/broker/lsm.c"
  DEPENDS ringbus_daemon)
target_compile_definitions(test_lsm_without PRIVATE RINGBUS_HAVE_SELINUX=0 RINGBUS_HAVE_APPARMOR=0)
