# SPDX-License-Identifier: Apache-2.0
# A connection from its bytes to the driver; connection.dict is its dictionary (-dict=).
ringbus_fuzzer(connection
  SOURCES ../unit/peer_fixture.c ../unit/peer_fixture_remote.c
  DEPENDS ringbus_worker ringbus_test_support)
# Match rules as arguments of AddMatch, RemoveMatch and BecomeMonitor.
ringbus_fuzzer(monitoring
  SOURCES ../unit/peer_fixture.c ../unit/peer_fixture_remote.c ../unit/matches_model.c
  DEPENDS ringbus_worker ringbus_test_support)
