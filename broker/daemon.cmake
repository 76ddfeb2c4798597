# SPDX-License-Identifier: Apache-2.0
# The daemon's surroundings: command line, configuration, listening addresses.
ringbus_library(ringbus_daemon
  SOURCES announce.c config.c config_draft.c config_element.c config_policy.c config_source.c
          config_xml.c limits.c listen.c listen_socket.c options.c root.c
  DEPENDS ringbus_base ringbus_proto ringbus_io ringbus_auth ringbus_router PkgConfig::EXPAT
          PkgConfig::LIBSYSTEMD)
