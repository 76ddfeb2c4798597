/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_watch: somebody who watches a bus at little cost: a monitor, or an eavesdropper, that reads
 * in large pieces and looks at nothing, or does not read at all. Prints "ready", runs until it is
 * killed or the bus closes the connection. tools/bench-monitors uses it.
 *
 *      bench_watch --address=ADDRESS [--rule=RULE] [--eavesdrop] [--silent]
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/rawclient.h"

enum { READ_MAX = 1024 * 1024 };

typedef struct Watch {
        const char *address;
        const char *rule;
        bool eavesdrops;
        bool silent;
} Watch;

static int parse_arguments(int argc, char **argv, Watch *watch)
{
        static const struct option options[] = {{"address", required_argument, NULL, 'a'},
                                                {"rule", required_argument, NULL, 'r'},
                                                {"eavesdrop", no_argument, NULL, 'e'},
                                                {"silent", no_argument, NULL, 's'},
                                                {NULL, 0, NULL, 0}};
        int option;

        *watch = (Watch){.rule = ""};
        while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (option == 'a')
                        watch->address = optarg;
                else if (option == 'r')
                        watch->rule = optarg;
                else if (option == 'e')
                        watch->eavesdrops = true;
                else if (option == 's')
                        watch->silent = true;
                else
                        return -EINVAL;
        }
        return watch->address && optind == argc ? 0 : -EINVAL;
}

static int call(RawClient *client, const Watch *watch)
{
        RawHeader header = {.type = RAWMESSAGE_CALL,
                            .serial = rawclient_serial(client),
                            .path = "/org/freedesktop/DBus",
                            .interface = watch->eavesdrops ? "org.freedesktop.DBus"
                                                           : "org.freedesktop.DBus.Monitoring",
                            .member = watch->eavesdrops ? "AddMatch" : "BecomeMonitor",
                            .destination = "org.freedesktop.DBus",
                            .signature = watch->eavesdrops ? "s" : "asu"};
        MarshalArray array;
        char rule[1024];
        Marshal body;
        int r;

        marshal_init(&body, false);
        if (watch->eavesdrops) {
                snprintf(rule, sizeof(rule), "eavesdrop='true'%s%s", watch->rule[0] ? "," : "",
                         watch->rule);
                marshal_string(&body, rule);
        } else {
                array = marshal_open_array(&body, 4);
                marshal_string(&body, watch->rule);
                marshal_close_array(&body, array);
                marshal_u32(&body, 0);
        }
        r = rawclient_send_body(client, &header, &body, NULL, 0);
        marshal_deinit(&body);
        return r;
}

static int begin(RawClient *client, const Watch *watch)
{
        RawMessage *message = NULL;
        int r = rawclient_hello(client);

        if (r == 0)
                r = call(client, watch);
        while (r == 0) {
                r = rawclient_receive(client, RAWCLIENT_TIMEOUT_MS, &message);
                if (r == 0 && message->type == RAWMESSAGE_RETURN)
                        return 0;
                if (r == 0 && message->type == RAWMESSAGE_ERROR)
                        r = -EACCES;
        }
        return r;
}

int main(int argc, char **argv)
{
        char *buffer = malloc(READ_MAX);
        RawClient *client;
        Watch watch;
        ssize_t n = 1;
        int r = parse_arguments(argc, argv, &watch);

        if (r < 0 || !buffer) {
                fputs("usage: bench_watch --address=ADDRESS [--rule=RULE] [--eavesdrop] "
                      "[--silent]\n",
                      stderr);
                return 2;
        }
        client = rawclient_open(watch.address, 0, &r);
        if (client)
                r = begin(client, &watch);
        if (r < 0) {
                fprintf(stderr, "bench_watch: %s\n", strerror(-r));
                return 1;
        }
        puts("ready");
        fflush(stdout);
        while (watch.silent)
                pause();
        while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)))
                n = recv(client->fd, buffer, READ_MAX, 0);
        rawclient_free(client);
        free(buffer);
        return 0;
}
