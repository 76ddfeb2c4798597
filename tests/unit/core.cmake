# SPDX-License-Identifier: Apache-2.0
# Messages, the router, the peer and the worker, each in one thread and without a daemon.
set(router_fixture router_fixture.c router_fixture_calls.c)
set(router_libraries ringbus_router ringbus_test_support)
foreach(name activation judge matches mediate message monitors monitors_seen names ownership
              ownership_end replies replies_expire rules send send_capture send_race)
  ringbus_unit_test(${name} SOURCES test_${name}.c ${router_fixture} DEPENDS ${router_libraries})
endforeach()
target_link_options(test_judge PRIVATE
  -Wl,--wrap=judge_unicast -Wl,--wrap=message_new_relay -Wl,--wrap=matches_find)
target_link_options(test_send_race PRIVATE
  -Wl,--wrap=message_new_relay -Wl,--wrap=matches_find -Wl,--wrap=matches_query_read_args)
ringbus_unit_test(refusals DEPENDS ringbus_router)
ringbus_unit_test(spin DEPENDS ringbus_worker)
ringbus_unit_test(environment DEPENDS ringbus_driver)
ringbus_unit_test(matches_random
  SOURCES test_matches_random.c matches_model.c matches_generate.c ${router_fixture}
  DEPENDS ${router_libraries})
foreach(name peer peer_fds peer_memory peer_output)
  ringbus_unit_test(${name}
    SOURCES test_${name}.c peer_tests.c peer_fixture.c peer_fixture_remote.c
    DEPENDS ringbus_worker ringbus_test_support)
endforeach()
target_link_options(test_peer_memory PRIVATE -Wl,--wrap=pool_alloc)
