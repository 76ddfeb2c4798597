# SPDX-License-Identifier: Apache-2.0
# Brokers that are started privately, the floor, and comparisons.
add_executable(test_floor test_floor.c)
target_link_libraries(test_floor PRIVATE
  ringbus_load_broker ringbus_test_support PkgConfig::CMOCKA)
add_test(NAME load/floor COMMAND test_floor)
set_tests_properties(load/floor PROPERTIES TIMEOUT 300 LABELS load)
