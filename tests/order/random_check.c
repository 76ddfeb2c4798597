/* SPDX-License-Identifier: Apache-2.0 */

/* See random_check.h. */

#include "tests/order/random_check.h"

void random_check(RandomHistory *history)
{
        random_history_place(history);
        random_check_order(history);
        random_check_answers(history);
        random_check_losses(history);
        random_check_policy(history);
        random_check_rules(history);
        random_check_names(history);
        random_check_queries(history);
        random_check_ends(history);
}
