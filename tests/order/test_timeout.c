/* SPDX-License-Identifier: Apache-2.0 */
/* Clause j, where time is over: NoReply, and a reply that is late for it, come in this order. */
#include "tests/order/directed.h"

static int start(void **state)
{
        return directed_start_with(state, "<limit name=\"reply_timeout\">300</limit>");
}

/* The caller's worker has decided that the call has timed out, and has not said so yet, when the
 * reply comes to the callee's worker. */
static void test_timeout_comes_before_the_reply_that_is_late(void **state)
{
        Scene *scene = *state;
        RawClient *caller = directed_join(scene, 0), *callee = directed_join(scene, 1);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        StagedStop *timed_out = directed_arm(REPLY_TIMED_OUT, directed_id(caller));
        uint32_t serial = scene_send(caller, &call);
        RawHeader reply = scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);

        directed_wait(timed_out);
        if (!timed_out)
                expect_error(caller, serial, "NoReply", NULL);
        (void)scene_send(callee, &reply);
        if (timed_out)
                directed_wait_blocked(directed_worker(callee), caller);
        directed_release(timed_out);
        if (timed_out)
                expect_error(caller, serial, "NoReply", NULL);
        expect_empty(caller, serial);
        expect_nothing(caller);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                directed_test(test_timeout_comes_before_the_reply_that_is_late),
        };

        return scene_run("order/timeout", tests, start);
}
