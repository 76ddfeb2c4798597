# SPDX-License-Identifier: Apache-2.0
ringbus_fuzzer(sasl DEPENDS ringbus_auth)
ringbus_fuzzer(policy DEPENDS ringbus_test_policy)
ringbus_short_of_memory(fuzz_policy)
ringbus_fuzzer(keyring DEPENDS ringbus_auth)
