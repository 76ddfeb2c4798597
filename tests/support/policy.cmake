# SPDX-License-Identifier: Apache-2.0
# The policy as its description tells it, to compare the real one with.
ringbus_library(ringbus_test_policy
  SOURCES policycase.c policyliteral.c policyrandom.c
  DEPENDS ringbus_auth)
