# SPDX-License-Identifier: Apache-2.0
# The files that ringbus-load reads. Their reader is fuzzed also where ringbus-load is not built.
if(NOT RINGBUS_BENCH AND NOT RINGBUS_LOAD)
  add_subdirectory("${CMAKE_SOURCE_DIR}/bench/load/trace" "${CMAKE_BINARY_DIR}/bench/load/trace")
endif()
ringbus_fuzzer(trace DEPENDS ringbus_trace)
ringbus_fuzzer(pcap DEPENDS ringbus_trace)
