/* SPDX-License-Identifier: Apache-2.0 */

/* See scale_churn.h. */

#include "tests/clients/scale_churn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a client leaves. */
typedef enum ScaleChurnKind {
        SCALE_CHURN_HELLO, /* after Hello and NameAcquired */
        SCALE_CHURN_NAME,  /* after a name of its own, too */
        SCALE_CHURN_RUDE,  /* at once */
        SCALE_CHURN_N_KINDS,
} ScaleChurnKind;

/* A client that is waiting for its messages. */
typedef struct ScaleChurnClient {
        ScaleSource source; /* first, see ScaleSource */
        ScaleChurn *churn;  // borrowed
        ScaleChurnKind kind;
        unsigned n_messages; /* received so far */
} ScaleChurnClient;

/* What a client receives, in this order. */
static const struct {
        uint8_t type;
        const char *member;
} scale_churn_due[] = {
        {RAWMESSAGE_RETURN, NULL},
        {RAWMESSAGE_SIGNAL, "NameAcquired"},
        {RAWMESSAGE_SIGNAL, "NameAcquired"},
        {RAWMESSAGE_RETURN, NULL},
};

void scale_churn_init(ScaleChurn *churn, const char *address, int epoll_fd, unsigned per_second)
{
        *churn = (ScaleChurn){.address = address,
                              .epoll_fd = epoll_fd,
                              .interval_us = per_second ? 1000000 / (int64_t)per_second : 0};
}

static void scale_churn_leave(ScaleChurnClient *client)
{
        rawclient_free(client->source.client);
        free(client);
}

static int scale_churn_check(ScaleChurnClient *client, const RawMessage *message)
{
        size_t at = client->n_messages++;
        char text[1024];

        if (message->type == scale_churn_due[at].type &&
            (!scale_churn_due[at].member ||
             (message->member && !strcmp(message->member, scale_churn_due[at].member))))
                return 0;
        fprintf(stderr, "churn: message %zu is: %s\n", at,
                rawmessage_describe(message, text, sizeof(text)));
        return -1;
}

static int scale_churn_ready(ScaleSource *source)
{
        ScaleChurnClient *client = (ScaleChurnClient *)source;
        unsigned n_due = client->kind == SCALE_CHURN_NAME ? 4 : 2;
        RawMessage *message;
        int r;

        while ((r = rawclient_try(source->client, &message)) > 0) {
                if (scale_churn_check(client, message) < 0)
                        return -1;
                if (client->n_messages == n_due) {
                        client->churn->n_left++;
                        client->churn->n_open--;
                        scale_churn_leave(client);
                        return 0;
                }
        }
        if (r < 0)
                fprintf(stderr, "churn: %s\n", strerror(-r));
        return r;
}

/* Everything that the client ever says, in one go. */
static int scale_churn_speak(ScaleChurnClient *client, uint32_t number)
{
        RawHeader call = {.type = RAWMESSAGE_CALL,
                          .path = "/org/freedesktop/DBus",
                          .interface = "org.freedesktop.DBus",
                          .member = "Hello",
                          .destination = "org.freedesktop.DBus"};
        char name[64];
        int r = rawclient_send_header(client->source.client, &call, NULL);

        if (r < 0 || client->kind == SCALE_CHURN_HELLO)
                return r;
        snprintf(name, sizeof(name), "t.Churn.N%u", number);
        call.member = "RequestName";
        call.signature = "su";
        return rawclient_send_header(client->source.client, &call, NULL, name, 0U);
}

static int scale_churn_start(ScaleChurn *churn)
{
        ScaleChurnClient *client = calloc(1, sizeof(*client));
        uint32_t number = churn->n_started++;
        int r = 0;

        if (!client)
                abort();
        client->churn = churn;
        client->kind = (ScaleChurnKind)(number % SCALE_CHURN_N_KINDS);
        client->source.ready = scale_churn_ready;
        client->source.client = rawclient_open(churn->address, RAWCLIENT_PIPELINE, &r);
        if (client->source.client)
                r = scale_churn_speak(client, number);
        if (r < 0) {
                fprintf(stderr, "churn: cannot connect: %s\n", strerror(-r));
        } else if (client->kind != SCALE_CHURN_RUDE) {
                churn->n_open++;
                return scale_source_watch(&client->source, churn->epoll_fd);
        }
        scale_churn_leave(client);
        return r < 0 ? -1 : 0;
}

int scale_churn_tick(ScaleChurn *churn, int64_t now_us)
{
        if (!churn->interval_us)
                return 0;
        if (!churn->next_us)
                churn->next_us = now_us;
        while (churn->next_us <= now_us) {
                if (scale_churn_start(churn) < 0)
                        return -1;
                churn->next_us += churn->interval_us;
        }
        return 0;
}
