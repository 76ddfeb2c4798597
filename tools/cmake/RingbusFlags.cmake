# SPDX-License-Identifier: Apache-2.0
# Compiler flags, per language: bench/micro's Google Benchmark wrapper is C++.

add_library(ringbus_flags INTERFACE)

set(common_warnings
  -Wall -Wextra -Wshadow -Wundef -Wwrite-strings -Wcast-qual -Wpointer-arith
  -Wvla -Wformat=2 -Wswitch-enum -Wimplicit-fallthrough -Wconversion
  -Wsign-conversion -Wnull-dereference)
set(c_warnings -Wstrict-prototypes -Wmissing-prototypes)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
  list(APPEND c_warnings -Wthread-safety -Watomic-implicit-seq-cst)
endif()

target_compile_options(ringbus_flags INTERFACE
  ${common_warnings}
  "$<$<COMPILE_LANGUAGE:C>:${c_warnings}>"
  -fno-strict-aliasing -fvisibility=hidden)
target_compile_definitions(ringbus_flags INTERFACE _GNU_SOURCE)
target_include_directories(ringbus_flags INTERFACE "${CMAKE_SOURCE_DIR}")

if(RINGBUS_WERROR)
  target_compile_options(ringbus_flags INTERFACE -Werror)
endif()

if(RINGBUS_SANITIZE)
  target_compile_options(ringbus_flags INTERFACE
    -fsanitize=${RINGBUS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(ringbus_flags INTERFACE -fsanitize=${RINGBUS_SANITIZE})
endif()

if(RINGBUS_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "RINGBUS_FUZZ needs clang (libFuzzer): use the preset 'fuzz'")
  endif()
  target_compile_options(ringbus_flags INTERFACE -fsanitize=fuzzer-no-link)
  # Its run time, also where no other sanitizer brings it.
  target_link_options(ringbus_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(RINGBUS_COVERAGE)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "RINGBUS_COVERAGE needs clang: use the preset 'coverage'")
  endif()
  target_compile_options(ringbus_flags INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(ringbus_flags INTERFACE -fprofile-instr-generate)
endif()

# ringbus_library(NAME SOURCES... [DEPENDS targets...]): one static library per folder.
function(ringbus_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ringbus_flags ${ARG_DEPENDS})
endfunction()
