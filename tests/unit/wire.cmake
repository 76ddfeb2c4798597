# SPDX-License-Identifier: Apache-2.0
# The wire half of proto. Of oracles: libdbus, and the messages of the Debian package dbus-tests.
set(RINGBUS_REFERENCE_DATA "/usr/lib/dbus-1.0/installed-tests/dbus/data" CACHE PATH
  "Test data of the reference implementation (Debian: dbus-tests)")

foreach(name frame header header_structure body body_args signature stamp utf8)
  ringbus_unit_test(${name} DEPENDS ringbus_proto ringbus_base)
endforeach()
ringbus_unit_test(writer DEPENDS ringbus_proto ringbus_base PkgConfig::LIBDBUS)
ringbus_unit_test(wire_data
  DEPENDS ringbus_proto ringbus_base PkgConfig::LIBDBUS
  ARGS ${RINGBUS_REFERENCE_DATA})
