# SPDX-License-Identifier: Apache-2.0
# The configuration reader; also on the reference's own files.
ringbus_fuzzer(config SOURCES ../support/config_memory.c DEPENDS ringbus_daemon ringbus_base)
ringbus_short_of_memory(fuzz_config)
target_link_options(fuzz_config PRIVATE -Wl,--wrap=log_line)
set(config_data /usr/lib/dbus-1.0/installed-tests/dbus/data)
file(GLOB config_files ${config_data}/valid-config-files*/*.conf
  ${config_data}/invalid-config-files/*.conf ${config_data}/equiv-config-files/*/*.conf)
if(config_files)
  add_test(NAME fuzz/config-data COMMAND fuzz_config -runs=0 ${config_files})
  set_tests_properties(fuzz/config-data PROPERTIES TIMEOUT 300 LABELS fuzz)
endif()
