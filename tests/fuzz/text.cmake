# SPDX-License-Identifier: Apache-2.0
# The text half of proto.
ringbus_fuzzer(matchrule DEPENDS ringbus_proto ringbus_base)
ringbus_fuzzer(address DEPENDS ringbus_proto ringbus_base)
