# SPDX-License-Identifier: Apache-2.0
# The wire half of proto.
ringbus_fuzzer(frame DEPENDS ringbus_proto ringbus_base)
ringbus_fuzzer(header DEPENDS ringbus_proto ringbus_base)
ringbus_fuzzer(body DEPENDS ringbus_proto ringbus_base)

# Against libdbus: by libFuzzer, and by the number (see DISAGREEMENTS.md).
set(differential_sources compare.c generate.c generate_text.c)
ringbus_fuzzer(differential
  SOURCES ${differential_sources}
  DEPENDS ringbus_proto ringbus_base PkgConfig::LIBDBUS)
if(RINGBUS_FUZZ)
  target_compile_definitions(fuzz_differential PRIVATE RINGBUS_HAVE_LIBFUZZER)
endif()

add_executable(differential differential_main.c ${differential_sources})
target_link_libraries(differential PRIVATE ringbus_proto ringbus_base PkgConfig::LIBDBUS)
if(RINGBUS_FUZZ)
  # The libraries are instrumented for libFuzzer, whose counters must come from somewhere.
  target_link_options(differential PRIVATE -fsanitize=fuzzer-no-link)
endif()
add_test(NAME fuzz/differential-generated COMMAND differential --count=200000 --seed=1)
set_tests_properties(fuzz/differential-generated PROPERTIES TIMEOUT 300 LABELS fuzz)
