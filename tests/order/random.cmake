# SPDX-License-Identifier: Apache-2.0
# The randomized test, and the test of its checks.
#   random --daemon=BIN --seconds=3600 --workers=2,4 --io=uring     the long run, with progress
ringbus_library(ringbus_order_random
  SOURCES random_body.c random_check.c random_check_answers.c random_check_ends.c
          random_check_losses.c random_check_monitor.c random_check_names.c random_check_order.c
          random_check_policy.c random_check_queries.c
          random_check_rules.c random_client.c random_client_act.c random_client_read.c
          random_client_send.c random_connection.c random_history.c random_history_place.c
          random_log.c random_monitor.c random_plan.c random_policy.c
          random_process.c random_round.c random_rules.c
  DEPENDS ringbus_test_support)

add_executable(random random.c)
target_link_libraries(random PRIVATE ringbus_order_random)

# $RINGBUS_ORDER_SECONDS overrides the duration when the test runs.
if(RINGBUS_SANITIZE OR RINGBUS_COVERAGE)
  set(random_seconds 20)
else()
  set(random_seconds 60)
endif()

if(TARGET ringbus)
  add_test(NAME order/random
    COMMAND random --default-seconds=${random_seconds} --workers=2,4)
  set_tests_properties(order/random PROPERTIES TIMEOUT 1200 LABELS order
    ENVIRONMENT "RINGBUS_DAEMON=$<TARGET_FILE:ringbus>")
endif()

# Its checks, fed with logs made by hand.
function(ringbus_random_checker_test name)
  add_executable(test_${name} test_${name}.c random_story.c)
  target_link_libraries(test_${name} PRIVATE ringbus_order_random PkgConfig::CMOCKA)
  add_test(NAME order/${name} COMMAND test_${name})
  set_tests_properties(order/${name} PROPERTIES TIMEOUT 300 LABELS order)
endfunction()

ringbus_random_checker_test(random_checker)
ringbus_random_checker_test(random_checker_monitor)
ringbus_random_checker_test(random_checker_names)
ringbus_random_checker_test(random_checker_policy)
