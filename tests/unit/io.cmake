# SPDX-License-Identifier: Apache-2.0
# broker/io. Each io program runs its tests on both backends.
set(io_fixture io_fixture.c io_fixture_process.c)
set(io_libraries ringbus_io ringbus_sync ringbus_base)
ringbus_unit_test(io SOURCES test_io.c ${io_fixture} DEPENDS ${io_libraries})
ringbus_unit_test(io_stop SOURCES test_io_stop.c ${io_fixture} DEPENDS ${io_libraries})
ringbus_unit_test(io_random SOURCES test_io_random.c ${io_fixture} DEPENDS ${io_libraries})
ringbus_unit_test(io_send SOURCES test_io_send.c ${io_fixture} DEPENDS ${io_libraries})
ringbus_unit_test(io_batch SOURCES test_io_batch.c ${io_fixture} DEPENDS ${io_libraries})
ringbus_unit_test(io_fds SOURCES test_io_fds.c ${io_fixture} DEPENDS ${io_libraries})
ringbus_unit_test(io_buffers SOURCES test_io_buffers.c ${io_fixture} DEPENDS ${io_libraries})
target_link_options(test_io_buffers PRIVATE
  -Wl,--wrap=alloc_bytes -Wl,--wrap=alloc_zeroed -Wl,--wrap=alloc_resize)
ringbus_unit_test(io_wake SOURCES test_io_wake.c ${io_fixture} DEPENDS ${io_libraries})
ringbus_unit_test(ready DEPENDS ${io_libraries})
ringbus_unit_test(probe SOURCES test_probe.c ${io_fixture} DEPENDS ${io_libraries})
target_link_options(test_probe PRIVATE -Wl,--wrap=clock_now_ns)

# The same probe where io_uring is refused, in the two ways that containers do it.
foreach(error EPERM ENOSYS)
  add_test(NAME unit/probe_${error}
    COMMAND seccomp_refuse ${error} -- $<TARGET_FILE:test_probe> ${error})
  set_tests_properties(unit/probe_${error} PROPERTIES TIMEOUT 300 LABELS unit)
endforeach()
