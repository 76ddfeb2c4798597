/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocols in which somebody must not miss somebody: wake-ups, pause and resume, the one who
 * may post. A lost wake-up is a thread that waits for ever. The eventfd is the explorer's: a count
 * that gives no order to anything else, which is less than the kernel gives.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "broker/message/account.h"
#include "broker/sync/stack.h"
#include "broker/sync/switch.h"
#include "broker/sync/wake.h"
#include "tests/race/weak_scenarios.h"

enum { N_WAKERS = 2, N_WORKS = 2 };

typedef struct Work {
        StackNode node;
        unsigned text;
} Work;

static Wake wake;
static Stack inbox;
static Work works[N_WAKERS][N_WORKS];
static WeakSignal eventfd_count;
static unsigned n_done, n_to_do;

/* What broker/sync/wake.c calls: --wrap redirects it here. */
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
        ASSERT(fd == wake.fd && *(const uint64_t *)bytes == 1 && size == sizeof(uint64_t));
        weak_signal_raise(&eventfd_count);
        return sizeof(uint64_t);
}

ssize_t __wrap_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
        ASSERT(fd == wake.fd && bytes && size == sizeof(uint64_t));
        weak_signal_clear(&eventfd_count);
        errno = EAGAIN;
        return -1;
}

static void begin_wake(void)
{
        /* As wake_init() does, but without an eventfd. */
        wake = (Wake){.fd = 100};
        eventfd_count = (WeakSignal){0};
        stack_init(&inbox);
        memset(works, 0, sizeof(works));
        n_done = 0;
        n_to_do = N_WAKERS;
}

static void begin_wake_more(void)
{
        begin_wake();
        n_to_do = N_WORKS + 1;
}

static void give(Work *work)
{
        work->text = 7;
        stack_push(&inbox, &work->node);
        wake_up(&wake);
}

static void waker(void)
{
        give(&works[weak_thread()][0]);
}

static void waker_of_two(void)
{
        give(&works[weak_thread()][0]);
        give(&works[weak_thread()][1]);
}

static void sleeper(void)
{
        for (;;) {
                for (StackNode *node = stack_take(&inbox); node; node = node->next) {
                        ASSERT(CONTAINER_OF(node, Work, node)->text == 7);
                        n_done++;
                }
                if (n_done == n_to_do)
                        return;
                wake_prepare(&wake);
                if (stack_is_empty(&inbox))
                        weak_signal_wait(&eventfd_count);
                wake_finish(&wake);
                wake_drain(&wake);
        }
}

/* A home over its limits pauses while others discharge: it is resumed once, or did not pause. */

static Account account;
static WeakSignal resumed;
static unsigned n_resumes[WEAK_THREADS_MAX], n_pauses;
static char home_state; /* what `owner` points to: plain, before the account is shared */

static void resume(void *owner)
{
        ASSERT(owner == &home_state);
        n_resumes[weak_thread()]++;
        weak_signal_raise(&resumed);
}

static void begin_account(void)
{
        account = (Account){.resume = resume, .bytes_max = 12, .fds_max = 1};
        cell_init(&account.owner, &home_state);
        account_charge(&account, 25, 2);
        resumed = (WeakSignal){0};
        memset(n_resumes, 0, sizeof(n_resumes));
        n_pauses = 0;
}

static void home(void)
{
        if (!account_is_over(&account) || !account_pause(&account))
                return;
        n_pauses++;
        weak_signal_wait(&resumed);
}

/* Rests until it is below, however often it is resumed before that. */
static void rest(void)
{
        while (account_is_over(&account)) {
                if (!account_pause(&account))
                        continue;
                n_pauses++;
                weak_signal_wait(&resumed);
        }
}

static WeakSignal charged_again;

static void begin_account_twice(void)
{
        begin_account();
        account.fds = (Counter){0};
        charged_again = (WeakSignal){0};
}

static void home_twice(void)
{
        rest();
        account_charge(&account, 15, 0);
        weak_signal_raise(&charged_again);
        rest();
}

static void discharge_all(void)
{
        account_discharge(&account, 15, 0);
        account_discharge(&account, 10, 0);
        weak_signal_wait(&charged_again);
        account_discharge(&account, 15, 0);
}

static void discharge_fds(void)
{
        account_discharge(&account, 10, 2);
}

static void discharge_bytes(void)
{
        account_discharge(&account, 15, 0);
}

static void check_account(void)
{
        unsigned n = 0;

        for (unsigned i = 0; i < WEAK_THREADS_MAX; i++)
                n += n_resumes[i];
        ASSERT(n == n_pauses);
        ASSERT(!account_is_over(&account));
        ASSERT(!switch_is_on(&account.paused));
}

/* One node, many who may want to post it: the switch says who may; the home turns it on again once
 * the node is its own, before it looks. As Endpoint.may_post_collect and Peer.may_post_resume. */

static Switch may_post;
static Stack posts;
static StackNode post_node;
static Counter wishes;
static unsigned n_seen;

static void begin_post(void)
{
        may_post = (Switch){0};
        switch_set(&may_post);
        stack_init(&posts);
        wishes = (Counter){0};
        counter_add(&wishes, 2);
        n_seen = 0;
}

/* Takes away one wish, and sees to it that the home looks. */
static void poster(void)
{
        counter_subtract(&wishes, 1);
        if (switch_clear(&may_post))
                stack_push(&posts, &post_node);
}

static void poster_that_looks(void)
{
        counter_subtract(&wishes, 1);
        if (switch_is_on(&may_post) && switch_clear(&may_post))
                stack_push(&posts, &post_node);
}

static void poster_home(void)
{
        for (unsigned i = 0; i < 2; i++) {
                StackNode *node = stack_take(&posts);

                if (!node)
                        continue;
                ASSERT(node == &post_node && !node->next);
                switch_set(&may_post);
                n_seen = (unsigned)counter_read(&wishes);
        }
}

/* Nothing is left unseen: it was seen, or the node is on its way. */
static void check_post(void)
{
        ASSERT(counter_read(&wishes) == 0);
        ASSERT(!stack_is_empty(&posts) || n_seen == 0);
        ASSERT(stack_is_empty(&posts) == switch_is_on(&may_post));
}

static void begin_post_unseen(void)
{
        begin_post();
        n_seen = 2;
}

static WeakScenario wake_up_up_sleep = {.name = "wake: up, up, sleep",
                                        .n_threads = 3,
                                        .threads = {waker, waker, sleeper},
                                        .begin = begin_wake};
static WeakScenario wake_up_twice_sleep = {.name = "wake: up and up, up, sleep",
                                           .n_threads = 3,
                                           .threads = {waker_of_two, waker, sleeper},
                                           .begin = begin_wake_more,
                                           .is_large = true};
static WeakScenario account_pause_ = {.name = "account: pause, discharge, discharge",
                                      .n_threads = 3,
                                      .threads = {home, discharge_fds, discharge_bytes},
                                      .begin = begin_account,
                                      .end = check_account};
static WeakScenario account_pause_twice = {.name = "account: pause twice, discharge thrice",
                                           .n_threads = 2,
                                           .threads = {home_twice, discharge_all},
                                           .begin = begin_account_twice,
                                           .end = check_account};
static WeakScenario switch_post = {.name = "switch: post, post, home",
                                   .n_threads = 3,
                                   .threads = {poster, poster_that_looks, poster_home},
                                   .begin = begin_post_unseen,
                                   .end = check_post};

const WeakSuite weak_suite_sleep = {{&wake_up_up_sleep, &wake_up_twice_sleep, &account_pause_,
                                     &account_pause_twice, &switch_post}};
