# SPDX-License-Identifier: Apache-2.0
# The real code under explorers. Not under sanitizers: ThreadSanitizer does not follow coroutines,
# of which one kernel thread runs all, and AddressSanitizer takes minutes for what the race tests
# show it in seconds.
if(NOT RINGBUS_SANITIZE)
  # Exhaustive interleavings; see explorer.h.
  # ringbus_explore_test(NAME SOURCES code under test... DEPENDS libraries...)
  function(ringbus_explore_test name)
    cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
    list(TRANSFORM ARG_SOURCES PREPEND "${CMAKE_SOURCE_DIR}/broker/")
    add_executable(explore_${name} explore_${name}.c explorer.c fiber.c ${ARG_SOURCES})
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
  ringbus_explore_test(replies SOURCES ${router_sources} sync/mailbox.c sync/table.c
    DEPENDS ringbus_message ringbus_auth ringbus_proto)
  target_sources(explore_replies PRIVATE router_fixture.c)

  # What the C11 memory model allows; see weak.h. The explorer itself is compiled as everything is;
  # the code under test with its operations renamed, and with ThreadSanitizer's instrumentation but
  # not its library: weak_plain.c has the functions that the compiler calls. It has none for atomic
  # operations, so one that weak_atomics.h does not rename fails to link.
  add_library(weak_explorer OBJECT
    fiber.c weak.c weak_arena.c weak_memory.c weak_search.c weak_plain.c)
  target_compile_options(weak_explorer PRIVATE -O2)
  target_link_libraries(weak_explorer PRIVATE ringbus_flags)

  function(ringbus_weak_target target)
    target_compile_options(${target} PRIVATE -O1 -fsanitize=thread
      "SHELL:-include ${CMAKE_SOURCE_DIR}/tests/race/weak_atomics.h")
    if(RINGBUS_COVERAGE) # clang would count atomically, which is no business of the explorer's
      target_compile_options(${target} PRIVATE -fprofile-update=single)
    endif()
    target_link_libraries(${target} PRIVATE ringbus_flags PkgConfig::CMOCKA)
  endfunction()

  add_library(weak_scenarios OBJECT
    weak_mailbox.c weak_names.c weak_lists.c weak_sleep.c weak_table.c
    ${CMAKE_SOURCE_DIR}/broker/sync/mailbox.c ${CMAKE_SOURCE_DIR}/broker/sync/table.c
    ${CMAKE_SOURCE_DIR}/broker/sync/wake.c ${CMAKE_SOURCE_DIR}/broker/message/account.c)
  ringbus_weak_target(weak_scenarios)
  add_library(weak_litmus OBJECT explore_litmus.c)
  ringbus_weak_target(weak_litmus)

  function(ringbus_weak_test name)
    add_executable(explore_${name} $<TARGET_OBJECTS:weak_explorer> ${ARGN})
    target_link_libraries(explore_${name} PRIVATE ringbus_message ringbus_sync ringbus_base
      PkgConfig::CMOCKA)
    add_test(NAME race/explore_${name} COMMAND explore_${name})
    set_tests_properties(race/explore_${name} PROPERTIES TIMEOUT 300 LABELS race)
  endfunction()

  ringbus_weak_test(litmus $<TARGET_OBJECTS:weak_litmus>)
  foreach(name weak weakened)
    ringbus_weak_test(${name} explore_${name}.c $<TARGET_OBJECTS:weak_scenarios>)
    target_link_options(explore_${name} PRIVATE
      LINKER:--wrap=read,--wrap=write,--wrap=alloc_zeroed,--wrap=alloc_free,--wrap=qsbr_retire)
  endforeach()
  target_compile_definitions(explore_weakened PRIVATE
    RINGBUS_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
endif()
