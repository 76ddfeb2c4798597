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

enum { N_WAKERS = 2 };

typedef struct Work {
        StackNode node;
        unsigned text;
} Work;

static Wake wake;
static Stack inbox;
static Work works[N_WAKERS];
static WeakSignal eventfd_count;
static unsigned n_done;

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
}

static void waker(void)
{
        Work *work = &works[weak_thread()];

        work->text = 7;
        stack_push(&inbox, &work->node);
        wake_up(&wake);
}

static void sleeper(void)
{
        for (;;) {
                for (StackNode *node = stack_take(&inbox); node; node = node->next) {
                        ASSERT(CONTAINER_OF(node, Work, node)->text == 7);
                        n_done++;
                }
                if (n_done == N_WAKERS)
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
static unsigned n_resumes, n_pauses;
static char home_state; /* what `owner` points to: plain, before the account is shared */

static void resume(void *owner)
{
        ASSERT(owner == &home_state);
        n_resumes++; /* plain: two at once are a race */
        weak_signal_raise(&resumed);
}

static void begin_account(void)
{
        account = (Account){.resume = resume, .bytes_max = 12, .fds_max = 1};
        cell_init(&account.owner, &home_state);
        account_charge(&account, 25, 2);
        resumed = (WeakSignal){0};
        n_resumes = 0;
        n_pauses = 0;
}

static void home(void)
{
        if (!account_is_over(&account) || !account_pause(&account))
                return;
        n_pauses++;
        weak_signal_wait(&resumed);
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
        ASSERT(n_resumes == n_pauses);
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
static WeakScenario account_pause_ = {.name = "account: pause, discharge, discharge",
                                      .n_threads = 3,
                                      .threads = {home, discharge_fds, discharge_bytes},
                                      .begin = begin_account,
                                      .end = check_account};
static WeakScenario switch_post = {.name = "switch: post, post, home",
                                   .n_threads = 3,
                                   .threads = {poster, poster_that_looks, poster_home},
                                   .begin = begin_post_unseen,
                                   .end = check_post};

const WeakSuite weak_suite_sleep = {{&wake_up_up_sleep, &account_pause_, &switch_post}};
