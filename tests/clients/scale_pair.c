/* SPDX-License-Identifier: Apache-2.0 */

/* See scale_pair.h. */

#include "tests/clients/scale_pair.h"

#include <stdio.h>
#include <string.h>

#define SCALE_PAIR_INTERFACE "t.Scale"

/* Says what is wrong with a pair. Returns -1. */
static int scale_pair_fail(const ScalePair *pair, const char *what, const RawMessage *message)
{
        char text[1024] = "-";

        if (message)
                rawmessage_describe(message, text, sizeof(text));
        fprintf(stderr, "pair %s -> %s: %s (calls %u, received %u, signals %u, returns %u): %s\n",
                pair->caller.source.client->unique_name, pair->callee.source.client->unique_name,
                what, pair->n_calls, pair->n_received, pair->n_signals, pair->n_returns, text);
        return -1;
}

/* Sends a message with this number, or keeps it for scale_pair_flush(). 0 or a negative errno. */
static int scale_pair_send(ScaleSide *side, const RawHeader *header, uint32_t number)
{
        RawHeader full = *header;
        Marshal bytes;

        if (!side->pair->options.pipelined)
                return rawclient_send_header(side->source.client, header, NULL, number);
        full.serial = rawclient_serial(side->source.client);
        marshal_init(&bytes, false);
        rawmessage_build_values(&full, &bytes, number);
        marshal_bytes(&side->output, bytes.data, bytes.size);
        marshal_deinit(&bytes);
        return 0;
}

static int scale_pair_flush(ScaleSide *side)
{
        int r;

        if (side->output.size == 0)
                return 0;
        r = rawclient_send(side->source.client, side->output.data, side->output.size);
        side->output.size = 0;
        return r < 0 ? scale_pair_fail(side->pair, "cannot write", NULL) : 0;
}

static int scale_pair_send_calls(ScalePair *pair)
{
        const RawHeader call = {.type = RAWMESSAGE_CALL,
                                .path = "/t",
                                .interface = SCALE_PAIR_INTERFACE,
                                .member = "Call",
                                .destination = pair->callee.source.client->unique_name,
                                .signature = "u"};

        while (!pair->stopping && pair->n_calls - pair->n_returns < pair->options.window) {
                if (pair->options.n_max && pair->n_calls == pair->options.n_max)
                        return 0;
                if (scale_pair_send(&pair->caller, &call, pair->n_calls) < 0)
                        return scale_pair_fail(pair, "cannot send a call", NULL);
                pair->n_calls++;
        }
        return 0;
}

/* Answers call `number`: signal, then return. */
static int scale_pair_answer(ScalePair *pair, const RawMessage *call, uint32_t number)
{
        const RawHeader signal = {.type = RAWMESSAGE_SIGNAL,
                                  .path = "/t",
                                  .interface = SCALE_PAIR_INTERFACE,
                                  .member = "Signal",
                                  .destination = number % 2 ? call->sender : NULL,
                                  .signature = "u"};
        const RawHeader reply = {.type = RAWMESSAGE_RETURN,
                                 .flags = RAWMESSAGE_NO_REPLY_EXPECTED,
                                 .reply_serial = call->serial,
                                 .destination = call->sender,
                                 .signature = "u"};

        if (scale_pair_send(&pair->callee, &signal, number) < 0 ||
            scale_pair_send(&pair->callee, &reply, number) < 0)
                return scale_pair_fail(pair, "cannot answer", NULL);
        return 0;
}

static int scale_pair_callee_message(ScalePair *pair, const RawMessage *message)
{
        uint32_t number;

        if (message->type != RAWMESSAGE_CALL || !rawmessage_read(message, "u", &number))
                return scale_pair_fail(pair, "the callee received something else", message);
        if (number != pair->n_received)
                return scale_pair_fail(pair, "a call was lost, doubled or reordered", message);
        pair->n_received++;
        return scale_pair_answer(pair, message, number);
}

static int scale_pair_caller_message(ScalePair *pair, const RawMessage *message)
{
        uint32_t number;

        if (!rawmessage_read(message, "u", &number))
                return scale_pair_fail(pair, "the caller received something else", message);
        if (message->type == RAWMESSAGE_SIGNAL) {
                if (number != pair->n_signals)
                        return scale_pair_fail(pair, "a signal was lost, doubled or reordered",
                                               message);
                pair->n_signals++;
                return 0;
        }
        if (message->type != RAWMESSAGE_RETURN || number != pair->n_returns)
                return scale_pair_fail(pair, "a return was lost, doubled or reordered", message);
        if (pair->n_signals != number + 1)
                return scale_pair_fail(pair, "a return overtook its signal", message);
        pair->n_returns++;
        return scale_pair_send_calls(pair);
}

static int scale_pair_ready(ScaleSource *source)
{
        ScaleSide *side = (ScaleSide *)source;
        ScalePair *pair = side->pair;
        RawMessage *message;
        int r;

        while ((r = rawclient_try(source->client, &message)) > 0) {
                r = side == &pair->caller ? scale_pair_caller_message(pair, message)
                                          : scale_pair_callee_message(pair, message);
                if (r < 0)
                        return r;
        }
        return r < 0 ? scale_pair_fail(pair, strerror(-r), NULL) : scale_pair_flush(side);
}

/* Connects one side and passes the signal that tells it its name. */
static int scale_pair_connect(ScalePair *pair, ScaleSide *side, const char *address)
{
        RawMessage *message;
        int r = 0;

        side->pair = pair;
        marshal_init(&side->output, false);
        side->source.ready = scale_pair_ready;
        side->source.client = rawclient_open(address, 0, &r);
        if (side->source.client)
                r = rawclient_hello(side->source.client);
        if (r >= 0)
                r = rawclient_receive(side->source.client, RAWCLIENT_TIMEOUT_MS, &message);
        if (r < 0)
                fprintf(stderr, "a pair cannot connect: %s\n", strerror(-r));
        return r < 0 ? -1 : 0;
}

/* The caller listens to the broadcasts of its callee. */
static int scale_pair_subscribe(ScalePair *pair)
{
        const RawHeader add = {.type = RAWMESSAGE_CALL,
                               .path = "/org/freedesktop/DBus",
                               .interface = "org.freedesktop.DBus",
                               .member = "AddMatch",
                               .destination = "org.freedesktop.DBus",
                               .signature = "s"};
        RawClient *caller = pair->caller.source.client;
        RawMessage *message;
        char rule[128];

        snprintf(rule, sizeof(rule), "type='signal',sender='%s',interface='%s'",
                 pair->callee.source.client->unique_name, SCALE_PAIR_INTERFACE);
        if (rawclient_send_header(caller, &add, NULL, rule) < 0 ||
            rawclient_receive(caller, RAWCLIENT_TIMEOUT_MS, &message) < 0 ||
            message->type != RAWMESSAGE_RETURN)
                return scale_pair_fail(pair, "cannot subscribe", NULL);
        return 0;
}

int scale_pair_start(ScalePair *pair, const char *address, int epoll_fd,
                     const ScalePairOptions *options)
{
        *pair = (ScalePair){.options = *options};
        if (scale_pair_connect(pair, &pair->caller, address) < 0 ||
            scale_pair_connect(pair, &pair->callee, address) < 0 ||
            scale_pair_subscribe(pair) < 0 ||
            scale_source_watch(&pair->caller.source, epoll_fd) < 0 ||
            scale_source_watch(&pair->callee.source, epoll_fd) < 0)
                return -1;
        return scale_pair_send_calls(pair) < 0 ? -1 : scale_pair_flush(&pair->caller);
}

void scale_pair_stop(ScalePair *pair)
{
        pair->stopping = true;
}

bool scale_pair_is_quiet(const ScalePair *pair)
{
        bool finished =
                pair->stopping || (pair->options.n_max && pair->n_calls == pair->options.n_max);

        return finished && pair->n_returns == pair->n_calls && pair->n_signals == pair->n_calls &&
               pair->n_received == pair->n_calls;
}

void scale_pair_deinit(ScalePair *pair)
{
        rawclient_free(pair->caller.source.client);
        rawclient_free(pair->callee.source.client);
        marshal_deinit(&pair->caller.output);
        marshal_deinit(&pair->callee.output);
}
