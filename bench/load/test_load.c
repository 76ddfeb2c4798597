/* SPDX-License-Identifier: Apache-2.0 */
/* What the load programs compute with, and the parts that a wrong figure could come from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/engine/histogram.h"
#include "bench/load/link.h"
#include "bench/load/engine/process.h"
#include "bench/load/relay.h"
#include "bench/load/engine/sample.h"

static void test_histogram_percentiles_are_within_a_step(void **state)
{
        static Histogram histogram;

        (void)state;
        assert_int_equal(histogram_percentile(&histogram, 50), 0);
        for (uint64_t i = 1; i <= 100000; i++)
                histogram_add(&histogram, i * 1000);
        for (unsigned percent = 1; percent < 100; percent++) {
                double exact = percent * 1000000.0;
                double found = (double)histogram_percentile(&histogram, percent);

                assert_true(found >= exact && found <= exact * 1.0626);
        }
        assert_int_equal(histogram_percentile(&histogram, 100), 100000000);
        assert_int_equal(histogram.n, 100000);
}

static void test_histogram_small_and_huge_values_are_exact_at_the_ends(void **state)
{
        static Histogram small, huge;

        (void)state;
        for (uint64_t i = 0; i < 16; i++)
                histogram_add(&small, i);
        assert_int_equal(histogram_percentile(&small, 50), 8);
        histogram_add(&huge, UINT64_MAX);
        assert_int_equal(histogram_percentile(&huge, 50), UINT64_MAX);
        histogram_merge(&small, &huge);
        assert_int_equal(small.n, 17);
        assert_int_equal(small.max, UINT64_MAX);
}

static void test_sample_median_takes_the_middle_or_the_mean_of_two(void **state)
{
        Sample sample = {0};
        char text[SAMPLE_TEXT_MAX];

        (void)state;
        assert_string_equal(sample_text(&sample, text), "-");
        sample_add(&sample, 9);
        assert_string_equal(sample_text(&sample, text), "9.00");
        sample_add(&sample, 1);
        assert_true(sample_median(&sample) == 5);
        sample_add(&sample, 200);
        assert_true(sample_median(&sample) == 9);
        assert_string_equal(sample_text(&sample, text), "9.00 (1.00-200)");
}

static unsigned n_frames;
static uint32_t serials;

static void count_frame(Link *link, const LinkFrame *frame)
{
        (void)link;
        assert_int_equal(frame->type, RAWMESSAGE_SIGNAL);
        assert_int_equal(frame->body_size, 4);
        assert_int_equal(link_read_u32(frame->body), 42);
        serials += frame->serial;
        n_frames++;
}

/* Byte by byte is the worst that a stream can do. */
static void test_link_cuts_messages_from_pieces(void **state)
{
        const RawHeader signal = {.type = RAWMESSAGE_SIGNAL,
                                  .serial = 1,
                                  .path = "/t",
                                  .interface = "t.T",
                                  .member = "S",
                                  .signature = "u"};
        Link from, to;
        Marshal message;
        int pair[2];

        (void)state;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        link_adopt(&from, pair[0]);
        link_adopt(&to, pair[1]);
        to.handler = count_frame;
        marshal_init(&message, false);
        rawmessage_build_values(&signal, &message, 42);
        for (unsigned i = 0; i < 3; i++)
                link_queue_message(&from, &message, NULL, 0);
        for (size_t i = 0; i < from.output_size; i++) {
                assert_int_equal(write(pair[0], from.output + i, 1), 1);
                assert_int_equal(link_handle(&to, EPOLLIN), 0);
                assert_int_equal(n_frames, (i + 1) / message.size);
        }
        assert_int_equal(serials, 1 + 2 + 3);
        marshal_deinit(&message);
        link_close(&from);
        link_close(&to);
}

static void test_relay_passes_bytes_both_ways(void **state)
{
        char byte = 0;
        Relay relay;

        (void)state;
        assert_int_equal(relay_start(&relay), 0);
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(write(relay.ends[i], "a", 1), 1);
                assert_int_equal(read(relay.ends[1 - i], &byte, 1), 1);
                assert_int_equal(byte, 'a');
        }
        relay_stop(&relay);
        relay_stop(&relay);
}

/* Until it was seen, or for two minutes. */
static int burn(void *context)
{
        uint64_t end_ns = process_now_ns() + UINT64_C(120000000000);
        atomic_bool *seen = context;

        while (!atomic_load(seen) && process_now_ns() < end_ns)
                ;
        return 3;
}

static void test_process_cpu_time_and_exit_status_are_seen(void **state)
{
        atomic_bool *seen = process_share(sizeof(*seen));
        uint64_t cpu_ns = 0;
        Process process;

        (void)state;
        assert_int_equal(process_start(&process, burn, seen), 0);
        while (process_is_alive(&process) && cpu_ns < 50000000)
                cpu_ns = process_cpu_ns(process.pid);
        atomic_store(seen, true);
        assert_true(cpu_ns >= 50000000);
        assert_int_equal(process_wait(&process, 60000), 3);
        process_unshare(seen, sizeof(*seen));
        assert_int_equal(process_wait(&process, 0), 0);
        assert_true(process_n_fds(getpid()) >= 3);
        assert_true(process_resident_kib(getpid()) > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_histogram_percentiles_are_within_a_step),
                cmocka_unit_test(test_histogram_small_and_huge_values_are_exact_at_the_ends),
                cmocka_unit_test(test_sample_median_takes_the_middle_or_the_mean_of_two),
                cmocka_unit_test(test_link_cuts_messages_from_pieces),
                cmocka_unit_test(test_relay_passes_bytes_both_ways),
                cmocka_unit_test(test_process_cpu_time_and_exit_status_are_seen),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
