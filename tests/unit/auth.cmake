# SPDX-License-Identifier: Apache-2.0
# What opens a connection: the SASL machine, credentials, the gate.
ringbus_unit_test(sasl DEPENDS ringbus_auth)
ringbus_unit_test(sasl_scripts DEPENDS ringbus_auth)
ringbus_unit_test(credentials DEPENDS ringbus_auth)
foreach(name gate gate_fds gate_limits gate_shortage gate_stress)
  ringbus_unit_test(${name} SOURCES test_${name}.c gate_fixture.c DEPENDS ringbus_gate)
endforeach()
ringbus_unit_test(gate_clients SOURCES test_gate_clients.c gate_fixture.c
  DEPENDS ringbus_gate PkgConfig::LIBDBUS PkgConfig::LIBSYSTEMD)
