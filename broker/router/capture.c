/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/capture.h"

#include <stdarg.h>
#include <stdio.h>

#include "broker/router/busmessage.h"
#include "broker/router/judge.h"

enum { ERROR_TEXT_MAX = 512 };

/* The home logs, which nobody may do inside the turn, and closes. */
static void capture_overflow(RouterThread *thread, Endpoint *monitor)
{
        switch_set(&monitor->overflown);
        if (switch_clear(&monitor->may_post_collect))
                routerthread_add_collect(thread, monitor);
}

static void capture_push(Step *step, Endpoint *monitor, Message *message)
{
        RouterThread *thread = step->thread;

        if (message->n_fds > 0 && !monitor->passes_fds)
                return;
        if (switch_is_on(&monitor->overflown) || step_is_full(monitor, &thread->root->limits)) {
                tally_add(&thread->n_dropped, 1);
                capture_overflow(thread, monitor);
                return;
        }
        step_push(step, monitor, message, STEP_CAPTURED);
}

/* Whether anybody could want to see anything. */
static bool capture_is_on(const Step *step)
{
        return !list_is_empty(&step->thread->router->matches.monitors);
}

/* The bus's own messages hold nobody up. */
static void capture_begin(Message *message, uint32_t n_receivers)
{
        if (message->account && !message->captured)
                message_begin_capture(message, n_receivers);
}

void capture_show(Step *step, Message *message, MatchQuery *query, uint32_t n_receivers,
                  bool overheard)
{
        const List *monitors = &step->thread->router->matches.monitors;

        if (overheard)
                capture_begin(message, n_receivers);
        LIST_FOREACH(monitors, node)
        {
                Endpoint *monitor = CONTAINER_OF(node, Endpoint, monitor_node);

                if (!matches_monitor_wants(monitor, query))
                        continue;
                capture_begin(message, n_receivers);
                capture_push(step, monitor, message);
        }
}

void capture_own(Step *step, Message *message, const Endpoint *to)
{
        MatchQuery query;
        Header header;
        const uint8_t *body;

        if (!capture_is_on(step))
                return;
        step_parse_own(message, &header, &body);
        matches_query(&query, &header, body, NULL, to);
        capture_show(step, message, &query, 1, false);
}

/* As the reference makes it: from the bus to whoever sent the message. */
static void capture_mock(Step *step, const MatchQuery *query, const Endpoint *recipient,
                         const char *name, Text text)
{
        const Text to = query->sender_name;
        Message *error =
                busmessage_error_to(step->thread, to, query->header->frame.serial, name, text);

        if (!error)
                return;
        capture_own(step, error, recipient);
        message_unref(&step->thread->pool, error, 1);
}

void capture_own_refused(Step *step, const Message *message, Endpoint *to, const char *name)
{
        char text[ERROR_TEXT_MAX];
        const char *words = text;
        MatchQuery query;
        Header header;
        const uint8_t *body;

        if (!capture_is_on(step))
                return;
        step_parse_own(message, &header, &body);
        matches_query(&query, &header, body, NULL, to);
        if (name[0] == 'A')
                words = judge_word_own(step->thread, to, &header);
        else
                snprintf(text, sizeof(text),
                         "Rejected: destination has a full message queue; destination=\"%s\"",
                         to->unique_name);
        capture_mock(step, &query, to, name, text_from(words));
}

void capture_denied(Step *step, const MatchQuery *query)
{
        RouterThread *thread = step->thread;

        if (!capture_is_on(step))
                return;
        for (unsigned i = 0; i < thread->n_denied_targets; i++)
                capture_mock(step, query, query->sender, "AccessDenied",
                             text_from(judge_word_target(thread, query->sender, query->header,
                                                         thread->sorted[i])));
}

void capture_error(Step *step, const MatchQuery *query, const char *name, const char *format, ...)
{
        char text[ERROR_TEXT_MAX];
        va_list args;

        if (!capture_is_on(step))
                return;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        capture_mock(step, query, query->sender, name, text_from(text));
}
