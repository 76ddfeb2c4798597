# SPDX-License-Identifier: Apache-2.0
# The text half of proto: names, match rules, addresses. libdbus is the oracle of two of them.
ringbus_unit_test(syntax DEPENDS ringbus_proto ringbus_base PkgConfig::LIBDBUS)
ringbus_unit_test(matchrule DEPENDS ringbus_proto ringbus_base)
ringbus_unit_test(address DEPENDS ringbus_proto ringbus_base PkgConfig::LIBDBUS)
