# SPDX-License-Identifier: Apache-2.0
# What opens a connection: the SASL machine, credentials, the gate.
ringbus_unit_test(sasl DEPENDS ringbus_auth)
ringbus_unit_test(sasl_scripts DEPENDS ringbus_auth)
ringbus_unit_test(sasl_cookies DEPENDS ringbus_auth)
foreach(name cookies keyring keyring_faults keyring_world)
  ringbus_unit_test(${name} SOURCES test_${name}.c keyring_fixture.c DEPENDS ringbus_auth)
endforeach()
ringbus_unit_test(credentials DEPENDS ringbus_auth)

# What the system refuses: memory (tests/support/shortage.h), and system calls.
function(ringbus_shortage_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;WRAP" ${ARGN})
  ringbus_unit_test(${name} SOURCES test_${name}.c ${ARG_SOURCES} DEPENDS ringbus_auth)
  ringbus_short_of_memory(test_${name})
  foreach(function ${ARG_WRAP})
    target_link_options(test_${name} PRIVATE "-Wl,--wrap=${function}")
  endforeach()
endfunction()
ringbus_shortage_test(credentials_faults WRAP getsockopt)
ringbus_shortage_test(policy_memory)
ringbus_shortage_test(cookies_users SOURCES keyring_fixture.c WRAP getpwnam_r getpwuid_r)
ringbus_shortage_test(keyring_shortage SOURCES keyring_fixture.c
  WRAP fstat fstatat read write fsync renameat openat fdopendir getrandom)
foreach(name gate gate_cookies gate_fds gate_limits gate_shortage gate_strangers gate_stress
        gate_tcp)
  ringbus_unit_test(${name} SOURCES test_${name}.c gate_fixture.c DEPENDS ringbus_gate)
endforeach()
ringbus_unit_test(gate_clients SOURCES test_gate_clients.c gate_fixture.c
  DEPENDS ringbus_gate PkgConfig::LIBDBUS PkgConfig::LIBSYSTEMD)

# The policy: by hand, and at random against tests/support/policyliteral.c; the long run is
# policy_agreement --cases=1000000
foreach(name policy policy_conditions)
  ringbus_unit_test(${name} SOURCES test_${name}.c policy_fixture.c DEPENDS ringbus_auth)
endforeach()
ringbus_unit_test(policy_rules DEPENDS ringbus_auth)
add_executable(policy_agreement policy_agreement.c)
target_link_libraries(policy_agreement PRIVATE ringbus_test_policy ringbus_router)
add_test(NAME unit/policy_agreement COMMAND policy_agreement --cases=4000)
set_tests_properties(unit/policy_agreement PROPERTIES TIMEOUT 300 LABELS unit)
