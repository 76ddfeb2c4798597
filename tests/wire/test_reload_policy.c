/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The policy changes a thousand times while clients exchange messages. Some messages both policies
 * allow, each by another rule, some both deny, also by different ones: who judged by a mixture of
 * the two would get those wrong. Others only one policy allows: whoever asks after the reply to
 * ReloadConfig is judged by the new one, on whatever worker.
 */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/wire/expect.h"
#include "tests/wire/pressure.h"
#include "tests/wire/scene.h"

enum { N_RELOADS = 1000, N_SERIES = 4, N_ASKERS = 4, N_PROCESSES = 2, N_PAIRS = 2 };

#define SERVICE "t.reload.Service"

/* They follow rules that allow everything. */
static const char policy_a[] = "<policy context=\"default\">"
                               "<deny send_interface=\"t.Flip\"/>"
                               "<allow send_interface=\"t.Flip\" send_member=\"OnlyA\"/>"
                               "<allow send_path=\"/always\"/>"
                               "<deny send_interface=\"t.Never\"/>"
                               "</policy>";
static const char policy_b[] = "<policy context=\"default\">"
                               "<deny send_path=\"/never\"/>"
                               "<deny send_interface=\"t.Flip\"/>"
                               "<allow send_interface=\"t.Flip\" send_member=\"OnlyB\"/>"
                               "<allow send_interface=\"t.Flip\" send_member=\"Always\"/>"
                               "</policy>";

typedef struct Question {
        const char *path, *interface, *member;
} Question;

enum { ALWAYS, NEVER, ONLY_A, ONLY_B, N_QUESTIONS };

static const Question questions[N_QUESTIONS] = {
        [ALWAYS] = {"/always", "t.Flip", "Always"},
        [NEVER] = {"/never", "t.Never", "Never"},
        [ONLY_A] = {"/t", "t.Flip", "OnlyA"},
        [ONLY_B] = {"/t", "t.Flip", "OnlyB"},
};

static uint32_t ask(RawClient *client, const char *to, unsigned question)
{
        const RawHeader header = {.type = RAWMESSAGE_CALL,
                                  .path = questions[question].path,
                                  .interface = questions[question].interface,
                                  .member = questions[question].member,
                                  .destination = to};
        uint32_t serial = 0;

        rawclient_send_header(client, &header, &serial);
        return serial;
}

static void answer_calls(RawClient *service)
{
        RawMessage *message;

        while (rawclient_try(service, &message) == 1) {
                if (message->type == RAWMESSAGE_CALL) {
                        RawHeader reply = scene_reply(message, "");

                        rawclient_send_header(service, &reply, NULL);
                }
        }
}

/* Asks all questions at once; whether each was allowed. False: the connection failed. */
static bool ask_all(RawClient *caller, RawClient *service, const char *to, bool *ret_allowed)
{
        struct pollfd fds[] = {{.fd = caller->fd, .events = POLLIN},
                               {.fd = service->fd, .events = POLLIN}};
        uint32_t serials[N_QUESTIONS];
        unsigned n_answers = 0;

        for (unsigned i = 0; i < N_QUESTIONS; i++)
                serials[i] = ask(caller, to, i);
        while (n_answers < N_QUESTIONS) {
                RawMessage *message;
                int r;

                answer_calls(service);
                r = rawclient_try(caller, &message);
                if (r < 0 || (r == 0 && poll(fds, 2, RAWCLIENT_TIMEOUT_MS) <= 0))
                        return false;
                for (unsigned i = 0; r == 1 && i < N_QUESTIONS; i++) {
                        if (message->reply_serial != serials[i])
                                continue;
                        ret_allowed[i] = message->type == RAWMESSAGE_RETURN;
                        n_answers++;
                }
        }
        return true;
}

static RawClient *join(const Bus *bus)
{
        int error;
        RawClient *client = rawclient_open(bus->address, 0, &error);

        if (client && rawclient_hello(client) == 0)
                return client;
        _exit(3);
}

/* A process with clients that ask each other until the pipe is closed, at least once. Its status: 0
 * if it never got a wrong answer. */
static pid_t start_exchange(const Bus *bus, const int *stop_pipe)
{
        RawClient *callers[N_PAIRS], *services[N_PAIRS];
        struct pollfd stop = {.fd = stop_pipe[0], .events = POLLIN};
        pid_t pid = fork();

        if (pid != 0)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(stop_pipe[1]); /* the end of the pipe ends us */
        for (unsigned i = 0; i < N_PAIRS; i++) {
                callers[i] = join(bus);
                services[i] = join(bus);
        }
        do {
                for (unsigned i = 0; i < N_PAIRS; i++) {
                        bool allowed[N_QUESTIONS];

                        if (!ask_all(callers[i], services[i], services[i]->unique_name, allowed))
                                _exit(4);
                        if (!allowed[ALWAYS] || allowed[NEVER])
                                _exit(5);
                }
        } while (poll(&stop, 1, 0) == 0);
        _exit(0);
}

static void reload(RawClient *client)
{
        uint32_t serial = scene_call(client, "ReloadConfig", "");

        expect_empty(client, serial);
}

static void test_a_thousand_reloads_while_clients_exchange_messages(void **state)
{
        Scene *scene = *state;
        RawClient *reloader = scene_join(scene), *service = scene_join(scene);
        RawClient *askers[N_ASKERS];
        pid_t pids[N_PROCESSES];
        long resident_kib[N_SERIES];
        bool grows = true;
        int stop[2];

        scene_own(service, SERVICE);
        assert_int_equal(bus_write_config(&scene->bus, policy_a), 0);
        reload(reloader);
        for (unsigned i = 0; i < N_ASKERS; i++)
                askers[i] = scene_join(scene);
        assert_int_equal(pipe(stop), 0);
        for (unsigned i = 0; i < N_PROCESSES; i++)
                pids[i] = start_exchange(&scene->bus, stop);
        for (unsigned i = 0; i < N_RELOADS; i++) {
                const bool is_b = i % 2 == 0;

                assert_int_equal(bus_write_config(&scene->bus, is_b ? policy_b : policy_a), 0);
                reload(reloader);
                for (unsigned k = 0; k < N_ASKERS; k++) {
                        bool allowed[N_QUESTIONS];

                        assert_true(ask_all(askers[k], service, SERVICE, allowed));
                        assert_true(allowed[ALWAYS]);
                        assert_false(allowed[NEVER]);
                        assert_int_equal(allowed[ONLY_A], !is_b);
                        assert_int_equal(allowed[ONLY_B], is_b);
                }
                if ((i + 1) % (N_RELOADS / N_SERIES) == 0)
                        resident_kib[i / (N_RELOADS / N_SERIES)] = bus_resident_kib(&scene->bus);
        }
        close(stop[1]);
        for (unsigned i = 0; i < N_PROCESSES; i++) {
                int status;

                assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
                assert_true(WIFEXITED(status));
                assert_int_equal(WEXITSTATUS(status), 0);
        }
        close(stop[0]);
        /* A policy kept each time would be some KiB each, all the time. */
        for (unsigned i = 1; i < N_SERIES; i++)
                grows &= resident_kib[i] > resident_kib[i - 1] + N_RELOADS / N_SERIES;
        assert_false(grows && pressure_sees_memory());
}

/* The new one has an error: the old one stays, whole. */
static void test_a_policy_with_an_error_changes_nothing(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *service = scene_join(scene);
        bool allowed[N_QUESTIONS];
        char config[1024];
        uint32_t serial;

        scene_own(service, SERVICE);
        assert_int_equal(bus_write_config(&scene->bus, policy_a), 0);
        reload(client);
        snprintf(config, sizeof(config),
                 "%s<policy context=\"default\"><allow send_nothing=\"x\"/></policy>", policy_b);
        assert_int_equal(bus_write_config(&scene->bus, config), 0);
        serial = scene_call(client, "ReloadConfig", "");
        expect_error(client, serial, "Failed", NULL);
        assert_true(ask_all(client, service, SERVICE, allowed));
        assert_true(allowed[ONLY_A]);
        assert_false(allowed[ONLY_B]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_a_policy_with_an_error_changes_nothing, scene_clear),
                cmocka_unit_test_teardown(test_a_thousand_reloads_while_clients_exchange_messages,
                                          scene_clear),
        };

        return scene_run("reload_policy", tests, scene_start);
}
