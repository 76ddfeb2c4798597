/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "broker/sync/counter.h"
#include "broker/sync/switch.h"
#include "broker/sync/qsbr.h"

typedef struct Thing {
        Retired retired;
        Switch freed;
} Thing;

/* A registered thread that does one thing after the other, each when told. */
typedef struct Reader {
        pthread_t thread;
        Switch act;  /* set: do `what` now */
        Switch done; /* set: done */
        void (*what)(void);
} Reader;

static Qsbr qsbr;
static Wake wake;
static Reader reader;
static Thing things[3];

static void wait_for(Switch *sw)
{
        while (!switch_clear(sw))
                sched_yield();
}

static void *reader_run(void *argument)
{
        (void)argument;
        for (bool last = false; !last;) {
                wait_for(&reader.act);
                last = reader.what == qsbr_unregister_thread;
                reader.what();
                switch_set(&reader.done);
        }
        return NULL;
}

static void reader_does(void (*what)(void))
{
        reader.what = what;
        switch_set(&reader.act);
        wait_for(&reader.done);
}

static int setup(void **state)
{
        (void)state;
        reader = (Reader){0};
        for (int i = 0; i < 3; i++)
                things[i] = (Thing){0};
        if (wake_init(&wake) < 0)
                return -1;
        qsbr_init(&qsbr, &wake);
        if (pthread_create(&reader.thread, NULL, reader_run, NULL) != 0)
                return -1;
        reader_does(qsbr_register_thread);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        pthread_join(reader.thread, NULL);
        wake_deinit(&wake);
        return 0;
}

static void thing_free(Retired *retired)
{
        switch_set(&CONTAINER_OF(retired, Thing, retired)->freed);
}

static Switch reclaimed;

static void *reclaim(void *argument)
{
        unsigned *ret_n = argument;

        *ret_n = qsbr_reclaim(&qsbr);
        switch_set(&reclaimed);
        return NULL;
}

/* Long enough for a reclaimer that does not wait to be done. */
static void nap(void)
{
        const struct timespec a_while = {.tv_nsec = 50 * 1000 * 1000};

        nanosleep(&a_while, NULL);
}

/* With the reader online: reclaiming waits until the reader does `what`. */
static void assert_reclaim_waits_for(void (*what)(void))
{
        pthread_t thread;
        unsigned n = 0;

        reclaimed = (Switch){0};
        qsbr_retire(&qsbr, &things[0].retired, thing_free);
        assert_int_equal(pthread_create(&thread, NULL, reclaim, &n), 0);
        nap();
        assert_false(switch_is_on(&things[0].freed));
        reader_does(what);
        /* The reclaimer may have begun only now, when the reader is in its next section. */
        while (what == qsbr_quiescent && !switch_is_on(&reclaimed))
                reader_does(what);
        pthread_join(thread, NULL);
        assert_int_equal(n, 1);
        assert_true(switch_is_on(&things[0].freed));
}

static void test_qsbr_frees_only_after_the_reader_was_quiescent(void **state)
{
        (void)state;
        assert_reclaim_waits_for(qsbr_quiescent);
        reader_does(qsbr_unregister_thread);
}

static void test_qsbr_offline_ends_the_reader_s_section(void **state)
{
        (void)state;
        assert_reclaim_waits_for(qsbr_offline);
        /* Offline: nobody waits for it. */
        qsbr_retire(&qsbr, &things[1].retired, thing_free);
        assert_int_equal(qsbr_reclaim(&qsbr), 1);
        reader_does(qsbr_online);
        things[0].freed = (Switch){0};
        assert_reclaim_waits_for(qsbr_quiescent);
        reader_does(qsbr_unregister_thread);
}

static void test_qsbr_unregister_ends_the_reader_s_section(void **state)
{
        (void)state;
        assert_reclaim_waits_for(qsbr_unregister_thread);
}

static void test_qsbr_reclaim_frees_all_that_was_retired_before(void **state)
{
        (void)state;
        reader_does(qsbr_unregister_thread);
        assert_int_equal(qsbr_reclaim(&qsbr), 0);
        assert_false(qsbr_has_retired(&qsbr));
        for (int i = 0; i < 3; i++)
                qsbr_retire(&qsbr, &things[i].retired, thing_free);
        assert_true(qsbr_has_retired(&qsbr));
        assert_int_equal(qsbr_reclaim(&qsbr), 3);
        for (int i = 0; i < 3; i++)
                assert_true(switch_is_on(&things[i].freed));
        assert_false(qsbr_has_retired(&qsbr));
}

static void retire_another(Retired *retired)
{
        thing_free(retired);
        qsbr_retire(&qsbr, &things[1].retired, thing_free);
}

static void test_qsbr_free_may_retire_which_waits_for_the_next_reclaim(void **state)
{
        (void)state;
        reader_does(qsbr_unregister_thread);
        qsbr_retire(&qsbr, &things[0].retired, retire_another);
        assert_int_equal(qsbr_reclaim(&qsbr), 1);
        assert_true(switch_is_on(&things[0].freed));
        assert_false(switch_is_on(&things[1].freed));
        assert_int_equal(qsbr_reclaim(&qsbr), 1);
        assert_true(switch_is_on(&things[1].freed));
}

static uint64_t count_writes(void)
{
        uint64_t count;

        return read(wake.fd, &count, sizeof(count)) == (ssize_t)sizeof(count) ? count : 0;
}

static void test_qsbr_kick_wakes_a_sleeping_reclaimer_once_and_only_for_work(void **state)
{
        (void)state;
        reader_does(qsbr_unregister_thread);
        wake_prepare(&wake);
        qsbr_kick(&qsbr);
        assert_int_equal(count_writes(), 0); /* no work */
        qsbr_retire(&qsbr, &things[0].retired, thing_free);
        assert_int_equal(count_writes(), 0); /* retiring never wakes: it may be under a lock */
        qsbr_kick(&qsbr);
        qsbr_kick(&qsbr);
        assert_int_equal(count_writes(), 1);
        wake_finish(&wake);
        qsbr_kick(&qsbr);
        assert_int_equal(count_writes(), 0); /* it is awake */
        assert_int_equal(qsbr_reclaim(&qsbr), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_qsbr_frees_only_after_the_reader_was_quiescent),
                TEST(test_qsbr_offline_ends_the_reader_s_section),
                TEST(test_qsbr_unregister_ends_the_reader_s_section),
                TEST(test_qsbr_reclaim_frees_all_that_was_retired_before),
                TEST(test_qsbr_free_may_retire_which_waits_for_the_next_reclaim),
                TEST(test_qsbr_kick_wakes_a_sleeping_reclaimer_once_and_only_for_work),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
