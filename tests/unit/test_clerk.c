/* SPDX-License-Identifier: Apache-2.0 */
/* What the clerk still does when it is told to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "broker/base/assert.h"
#include "broker/clerk.h"

enum { PATIENCE_MS = 60000 };

static struct {
        pthread_barrier_t begun;
        pthread_barrier_t released;
        char done[16]; /* one letter for each job that was run */
} desk;

typedef struct Note {
        ClerkJob job;
        char letter;
} Note;

static void run_note(ClerkJob *job)
{
        Note *note = CONTAINER_OF(job, Note, job);
        size_t size = strlen(desk.done);

        if (note->letter == 'a') {
                pthread_barrier_wait(&desk.begun);
                pthread_barrier_wait(&desk.released);
        }
        snprintf(desk.done + size, sizeof(desk.done) - size, "%c", note->letter);
}

static void test_clerk_told_to_end_runs_what_is_owed(void **state)
{
        Note notes[] = {
                {{.run = run_note}, 'a'},
                {{.run = run_note}, 'b'},
                {{.run = run_note, .at_end = true}, 'c'},
                {{.run = run_note}, 'd'},
                {{.run = run_note, .at_end = true}, 'e'},
                {{.run = run_note}, 'f'},
        };
        Clerk *clerk;

        (void)state;
        pthread_barrier_init(&desk.begun, NULL, 2);
        pthread_barrier_init(&desk.released, NULL, 2);
        assert_int_equal(clerk_new(&clerk), 0);
        for (size_t i = 0; i < ARRAY_SIZE(notes); i++)
                clerk_post(clerk, &notes[i].job);
        pthread_barrier_wait(&desk.begun);
        assert_false(clerk_stop(clerk, 1)); /* the first one hangs */
        pthread_barrier_wait(&desk.released);
        assert_true(clerk_stop(clerk, PATIENCE_MS));
        assert_string_equal(desk.done, "ace");
        assert_null(clerk_free(clerk));
        pthread_barrier_destroy(&desk.released);
        pthread_barrier_destroy(&desk.begun);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_clerk_told_to_end_runs_what_is_owed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
