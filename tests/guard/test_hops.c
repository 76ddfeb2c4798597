/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/ARCHITECTURE.md says by which functions a connection and a message travel; here one of each
 * does, through the traced daemon, and the two lists have to be equal.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/guard/hops_document.h"
#include "tests/support/bus.h"
#include "tests/support/rawsocket.h"
#include "tests/wire/expect.h"

#define NAME "t.Traced"

typedef struct Fixture {
        Bus bus;
        char trace_path[96];
        HopList expected;
        HopList trace;
} Fixture;

static const char *hops_top; /* of the source tree */

static int hops_start(void **state)
{
        Fixture *fixture = calloc(1, sizeof(*fixture));
        const char *parent = getenv("TMPDIR");
        int fd;

        if (!fixture)
                return -1;
        snprintf(fixture->trace_path, sizeof(fixture->trace_path), "%s/hops-XXXXXX",
                 parent && strlen(parent) < 60 ? parent : "/tmp");
        fd = mkstemp(fixture->trace_path);
        if (fd < 0)
                return -1;
        close(fd);
        setenv("RINGBUS_TRACE_FILE", fixture->trace_path, 1);
        setenv("RINGBUS_TEST_WORKERS", "1", 1);
        *state = fixture;
        return bus_start(&fixture->bus, NULL);
}

static int hops_stop(void **state)
{
        Fixture *fixture = *state;
        int r = bus_stop(&fixture->bus);

        unlink(fixture->trace_path);
        free(fixture);
        return r;
}

/* The first hop of this name from `from` on, or the number of hops. */
static size_t hops_find(const HopList *hops, size_t from, const char *function)
{
        while (from < hops->n && strcmp(hops->items[from].function, function) != 0)
                from++;
        return from;
}

/* The line behind the parsing of the marked message. */
static size_t hops_find_mark(const HopList *hops)
{
        size_t at = 0;

        while (at < hops->n && strcmp(hops->items[at].file, "marked") != 0)
                at++;
        return at;
}

/* Reads the trace until the last documented hop has come behind `from()`; its place. */
static size_t hops_await(Fixture *fixture, size_t (*from)(const HopList *hops))
{
        const struct timespec pause = {.tv_nsec = 2000000};
        const char *last = fixture->expected.items[fixture->expected.n - 1].function;

        for (int waited_ms = 0; waited_ms < RAWCLIENT_TIMEOUT_MS; waited_ms += 2) {
                size_t end;

                assert_int_equal(hops_document_read_trace(fixture->trace_path, &fixture->trace), 0);
                end = hops_find(&fixture->trace, from(&fixture->trace), last);
                if (end < fixture->trace.n)
                        return end;
                nanosleep(&pause, NULL);
        }
        fail_msg("the trace never came to %s()", last);
        return 0;
}

static void hops_print(const char *title, const Hop *hops, size_t n)
{
        fprintf(stderr, "%s:\n", title);
        for (size_t i = 0; i < n; i++)
                fprintf(stderr, "%zu. `%s` `%s`\n", i + 1, hops[i].file, hops[i].function);
}

/* Compares the documented hops with the trace from `begin` to `end`, but for the mark. */
static void hops_compare(Fixture *fixture, size_t begin, size_t end)
{
        const HopList *expected = &fixture->expected;
        Hop *seen = fixture->trace.items + begin;
        size_t n = 0;
        bool same;

        for (size_t i = begin; i <= end; i++) {
                if (!fixture->trace.items[i].function[0])
                        continue;
                /* A gate that was quicker than the client's first write has to look again. */
                if (n >= 2 && !strcmp(fixture->trace.items[i].function, "lobby_read") &&
                    !strcmp(seen[n - 1].function, "handshake_read"))
                        n -= 2;
                seen[n++] = fixture->trace.items[i];
        }
        same = n == expected->n;
        for (size_t i = 0; i < n && same; i++)
                same = !strcmp(seen[i].file, expected->items[i].file) &&
                       !strcmp(seen[i].function, expected->items[i].function);
        if (same)
                return;
        hops_print("docs/ARCHITECTURE.md says", expected->items, expected->n);
        hops_print("but the daemon went", seen, n);
        fail_msg("correct the list in docs/ARCHITECTURE.md, or the code");
}

static void hops_read_section(Fixture *fixture, const char *section)
{
        char path[512];

        snprintf(path, sizeof(path), "%s/docs/ARCHITECTURE.md", hops_top);
        assert_int_equal(hops_document_read(path, section, &fixture->expected), 0);
        for (size_t i = 0; i < fixture->expected.n; i++)
                assert_true(hops_document_is_defined(hops_top, &fixture->expected.items[i]));
}

/* The first connection; what is before it is the daemon's own trial of its backend. */
static size_t hops_find_connection(const HopList *hops)
{
        return hops_find(hops, 0, "acceptor_accept");
}

/* A client that says everything at once to a bus which is stopped meanwhile, so that the bus reads
 * it in one go. */
static void test_hops_of_a_connection_are_documented(void **state)
{
        Fixture *fixture = *state;
        char uid[16], hex[40] = "", hello[128], answer[256];
        size_t size, have = 0, end;
        int fd, status;

        hops_read_section(fixture, "connection");
        assert_int_equal(kill(fixture->bus.pid, SIGSTOP), 0);
        assert_int_equal(waitpid(fixture->bus.pid, &status, WUNTRACED), fixture->bus.pid);
        assert_true(WIFSTOPPED(status)); /* all its threads */
        fd = rawsocket_connect(fixture->bus.address);
        assert_true(fd >= 0);
        snprintf(uid, sizeof(uid), "%u", (unsigned)getuid());
        for (size_t i = 0; uid[i]; i++)
                snprintf(hex + 2 * i, 3, "%02x", uid[i]);
        size = (size_t)snprintf(hello, sizeof(hello), "%cAUTH EXTERNAL %s\r\nBEGIN\r\n", 0, hex);
        assert_int_equal(rawsocket_write(fd, hello, size), 0);
        assert_int_equal(kill(fixture->bus.pid, SIGCONT), 0);
        while (!memchr(answer, '\n', have)) {
                struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
                ssize_t n;

                assert_int_equal(poll(&poll_fd, 1, RAWCLIENT_TIMEOUT_MS), 1);
                n = recv(fd, answer + have, sizeof(answer) - have, 0);
                assert_true(n > 0);
                have += (size_t)n;
        }
        assert_memory_equal(answer, "OK ", 3);
        end = hops_await(fixture, hops_find_connection);
        hops_compare(fixture, hops_find_connection(&fixture->trace), end);
        close(fd);
}

static RawClient *hops_join(Fixture *fixture)
{
        int error;
        RawClient *client = rawclient_open(fixture->bus.address, 0, &error);

        assert_non_null(client);
        assert_int_equal(rawclient_hello(client), 0);
        expect_name_signal(client, "NameAcquired", client->unique_name);
        return client;
}

/* Calls the bus and waits until that is done with. */
static void hops_own_name(RawClient *client)
{
        const RawHeader header = {.type = RAWMESSAGE_CALL,
                                  .path = "/org/freedesktop/DBus",
                                  .interface = "org.freedesktop.DBus",
                                  .member = "RequestName",
                                  .destination = "org.freedesktop.DBus",
                                  .signature = "su"};
        uint32_t serial;

        assert_int_equal(rawclient_send_header(client, &header, &serial, NAME, 0U), 0);
        expect_name_signal(client, "NameAcquired", NAME);
        expect_u32(client, serial, 1);
        expect_nothing(client);
}

static void test_hops_of_a_call_are_documented(void **state)
{
        Fixture *fixture = *state;
        const RawHeader header = {.type = RAWMESSAGE_CALL,
                                  .path = "/t",
                                  .interface = "t.I",
                                  .member = "TraceMe",
                                  .destination = NAME,
                                  .signature = "s"};
        RawClient *caller = hops_join(fixture), *callee = hops_join(fixture);
        size_t begin, end;

        hops_read_section(fixture, "message");
        hops_own_name(callee);
        expect_nothing(caller);
        assert_int_equal(rawclient_send_header(caller, &header, NULL, "hello"), 0);
        expect_call(callee, caller->unique_name, "TraceMe");
        end = hops_await(fixture, hops_find_mark);
        begin = hops_find_mark(&fixture->trace);
        while (begin > 0 && strcmp(fixture->trace.items[begin].function,
                                   fixture->expected.items[0].function) != 0)
                begin--;
        hops_compare(fixture, begin, end);
        rawclient_free(caller);
        rawclient_free(callee);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hops_of_a_connection_are_documented),
                cmocka_unit_test(test_hops_of_a_call_are_documented),
        };

        if (argc != 2) {
                fprintf(stderr, "usage: %s TOP-OF-THE-SOURCE\n", argv[0]);
                return 2;
        }
        hops_top = argv[1];
        return cmocka_run_group_tests_name("hops", tests, hops_start, hops_stop);
}
