# SPDX-License-Identifier: Apache-2.0
# Brokers that are started privately, the floor, and comparisons.
add_library(ringbus_load_floorbus STATIC floorbus.c)
target_link_libraries(ringbus_load_floorbus PUBLIC
  ringbus_load_broker ringbus_test_support PkgConfig::CMOCKA)

# ringbus_load_program(NAME LIBRARY): test_NAME.c
function(ringbus_load_program name library)
  add_executable(test_${name} test_${name}.c)
  target_link_libraries(test_${name} PRIVATE ${library} PkgConfig::CMOCKA)
  add_test(NAME load/${name} COMMAND test_${name})
  set_tests_properties(load/${name} PROPERTIES TIMEOUT 300 LABELS load)
endfunction()

ringbus_load_program(floor ringbus_load_floorbus)
ringbus_load_program(floor_limits ringbus_load_floorbus)

ringbus_load_test(broker)
ringbus_load_test(comparison)
ringbus_load_program(compare ringbus_load_compare)
