# SPDX-License-Identifier: Apache-2.0
# One more build of the daemon, in a world with SELinux and AppArmor: tests/support/fake_lsm.h. It
# is called "ringbus" in a folder of its own, so that every launcher takes it for what it is.
if(NOT TARGET ringbus OR NOT LIBSELINUX_FOUND OR NOT LIBAPPARMOR_FOUND)
  return()
endif()

add_executable(ringbus_mediated "${CMAKE_SOURCE_DIR}/broker/main.c" ${RINGBUS_BUS_SOURCES})
target_compile_definitions(ringbus_mediated PRIVATE RINGBUS_VERSION="${PROJECT_VERSION}")
target_link_libraries(ringbus_mediated PRIVATE
  ringbus_daemon ringbus_gate ringbus_worker PkgConfig::LIBSYSTEMD)
ringbus_fake_lsm(ringbus_mediated)
set_target_properties(ringbus_mediated PROPERTIES OUTPUT_NAME ringbus
  RUNTIME_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/mediated")

add_executable(test_wire_mediation test_mediation.c mediation.c
  "${CMAKE_SOURCE_DIR}/tests/support/fake_lsm_file.c")
target_link_libraries(test_wire_mediation PRIVATE ringbus_wire_support)
foreach(workers 1 4)
  add_test(NAME wire/mediation-${workers} COMMAND test_wire_mediation)
  set_tests_properties(wire/mediation-${workers} PROPERTIES TIMEOUT 300 LABELS wire ENVIRONMENT
    "RINGBUS_DAEMON=$<TARGET_FILE:ringbus_mediated>;RINGBUS_TEST_WORKERS=${workers}")
endforeach()
