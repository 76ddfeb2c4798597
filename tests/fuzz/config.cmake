# SPDX-License-Identifier: Apache-2.0
# The configuration reader.
ringbus_fuzzer(config SOURCES ../support/config_memory.c DEPENDS ringbus_daemon ringbus_base)
