# SPDX-License-Identifier: Apache-2.0
# One more build of the daemon, with the stop points and mutants of broker/base/stage.h in place,
# and the tests that stop its workers where the order matters. RINGBUS_MUTANT=no-turn and so on
# brings a defect to life: tools/test-mutants sees that a test finds each.
if(NOT TARGET ringbus)
  return()
endif()

include(RingbusDaemonSources)
ringbus_daemon_sources(staged "STAGE_[A-Z_]+\\(")
add_executable(ringbus-staged staged_daemon.c ${staged})
target_compile_definitions(ringbus-staged PRIVATE
  RINGBUS_STAGED RINGBUS_VERSION="${PROJECT_VERSION}")
target_link_libraries(ringbus-staged PRIVATE
  ringbus_daemon ringbus_gate ringbus_worker PkgConfig::LIBSYSTEMD)
target_link_options(ringbus-staged PRIVATE "-Wl,--wrap=pthread_mutex_lock")
set_target_properties(ringbus-staged PROPERTIES OUTPUT_NAME ringbus
  RUNTIME_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/staged")

ringbus_library(ringbus_order_support SOURCES directed.c DEPENDS ringbus_wire_support)

# ringbus_order_test(NAME): tests/order/test_NAME.c, with one, two and four workers.
function(ringbus_order_test name)
  add_executable(test_order_${name} test_${name}.c)
  target_link_libraries(test_order_${name} PRIVATE ringbus_order_support)
  foreach(workers 1 2 4)
    add_test(NAME order/${name}-${workers} COMMAND test_order_${name})
    set_tests_properties(order/${name}-${workers} PROPERTIES TIMEOUT 300 LABELS order
      ENVIRONMENT
        "RINGBUS_DAEMON=$<TARGET_FILE:ringbus-staged>;RINGBUS_TEST_WORKERS=${workers}")
  endforeach()
endfunction()

ringbus_order_test(fifo)
ringbus_order_test(causal)
ringbus_order_test(rules)
ringbus_order_test(queries)
ringbus_order_test(names)
ringbus_order_test(leave)
ringbus_order_test(answers)
ringbus_order_test(timeout)
ringbus_order_test(monitors)
ringbus_order_test(policy)
