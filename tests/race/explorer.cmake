# SPDX-License-Identifier: Apache-2.0
# Exhaustive interleavings of the real code; see explorer.h. Not under sanitizers: ThreadSanitizer
# does not follow coroutines, of which one kernel thread runs all, and AddressSanitizer takes
# minutes for what the race tests show it in seconds.
if(NOT RINGBUS_SANITIZE)
  # ringbus_explore_test(NAME SOURCES code under test... DEPENDS libraries...)
  function(ringbus_explore_test name)
    cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
    list(TRANSFORM ARG_SOURCES PREPEND "${CMAKE_SOURCE_DIR}/broker/")
    add_executable(explore_${name} explore_${name}.c explorer.c ${ARG_SOURCES})
    target_compile_options(explore_${name} PRIVATE
      "SHELL:-include ${CMAKE_SOURCE_DIR}/tests/race/explorer_atomics.h")
    target_link_libraries(explore_${name} PRIVATE ${ARG_DEPENDS} ringbus_sync ringbus_base
      PkgConfig::CMOCKA)
    add_test(NAME race/explore_${name} COMMAND explore_${name})
    set_tests_properties(race/explore_${name} PROPERTIES TIMEOUT 300 LABELS race)
  endfunction()

  ringbus_explore_test(mailbox SOURCES sync/mailbox.c)
  ringbus_explore_test(owed)
  ringbus_explore_test(wake SOURCES sync/wake.c)
  ringbus_explore_test(account SOURCES message/account.c DEPENDS ringbus_message)

  get_target_property(router_sources ringbus_router SOURCES)
  list(TRANSFORM router_sources PREPEND router/)
  ringbus_explore_test(router SOURCES ${router_sources} sync/mailbox.c sync/table.c
    DEPENDS ringbus_message ringbus_auth ringbus_proto)
  target_sources(explore_router PRIVATE router_fixture.c)
endif()
