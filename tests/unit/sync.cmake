# SPDX-License-Identifier: Apache-2.0
# broker/sync, and the accounts and timers that rest on it; the log.
foreach(name mailbox stack owed pool qsbr wake refcount counter commit turn)
  ringbus_unit_test(${name} SOURCES test_${name}.c death.c DEPENDS ringbus_sync ringbus_base)
endforeach()
ringbus_unit_test(table DEPENDS ringbus_sync ringbus_base)
target_link_options(test_table PRIVATE -Wl,--wrap=alloc_zeroed)
ringbus_unit_test(log DEPENDS ringbus_base)
ringbus_unit_test(systemlog DEPENDS ringbus_base)
ringbus_unit_test(timers DEPENDS ringbus_base)
target_link_options(test_timers PRIVATE -Wl,--wrap=alloc_resize)
ringbus_unit_test(account DEPENDS ringbus_message ringbus_sync ringbus_base)
