/* SPDX-License-Identifier: Apache-2.0 */

/* See random_story.h. */

#include "tests/order/random_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/order/random_check.h"

uint32_t story_unique(unsigned client)
{
        return client < STORY_CLIENTS ? STORY_UNIQUE + client
                                      : STORY_OBSERVER + client - STORY_CLIENTS;
}

static void append(Story *story, unsigned client, const void *data, size_t size)
{
        if (story->sizes[client] + size > STORY_LOG_MAX)
                abort();
        memcpy((uint8_t *)story->bytes[client] + story->sizes[client], data, size);
        story->sizes[client] += size;
}

void story_write(Story *story, unsigned client, const RandomRecord *record,
                 const RandomKnown *known)
{
        append(story, client, record, sizeof(*record));
        if (record->n_known > 0)
                append(story, client, known, record->n_known * sizeof(*known));
}

static uint32_t send_record(Story *story, unsigned from, RandomRecord record)
{
        if (story->serials[from] + 1 == STORY_SERIALS_MAX)
                abort();
        record.what = RANDOM_SENT;
        record.serial = ++story->serials[from];
        story->sent[from][record.serial] = record;
        story_write(story, from, &record, NULL);
        return record.serial;
}

uint32_t story_send(Story *story, unsigned from, unsigned type, unsigned to)
{
        return send_record(story, from,
                           (RandomRecord){.type = (uint8_t)type,
                                          .to = RANDOM_TO_UNIQUE,
                                          .name = RANDOM_NAME_NONE,
                                          .peer = story_unique(to)});
}

uint32_t story_send_to_name(Story *story, unsigned from, unsigned type, unsigned name)
{
        return send_record(
                story, from,
                (RandomRecord){.type = (uint8_t)type, .to = RANDOM_TO_NAME, .name = (uint8_t)name});
}

uint32_t story_send_judged(Story *story, unsigned from, unsigned to, unsigned flags, unsigned state)
{
        return send_record(story, from,
                           (RandomRecord){.type = RAWMESSAGE_CALL,
                                          .flags = (uint8_t)flags,
                                          .to = RANDOM_TO_UNIQUE,
                                          .name = RANDOM_NAME_NONE,
                                          .peer = story_unique(to),
                                          .old = state});
}

uint32_t story_broadcast(Story *story, unsigned from, unsigned member)
{
        return send_record(story, from,
                           (RandomRecord){.type = RAWMESSAGE_SIGNAL,
                                          .to = RANDOM_TO_ALL,
                                          .name = RANDOM_NAME_NONE,
                                          .value = random_rules_features(member, 0, 0)});
}

uint32_t story_answer(Story *story, unsigned from, unsigned to, uint32_t call)
{
        return send_record(story, from,
                           (RandomRecord){.type = RAWMESSAGE_RETURN,
                                          .to = RANDOM_TO_UNIQUE,
                                          .name = RANDOM_NAME_NONE,
                                          .peer = story_unique(to),
                                          .reply_serial = call});
}

uint32_t story_call(Story *story, unsigned from, RandomMethod method, unsigned name, uint32_t value)
{
        return send_record(story, from,
                           (RandomRecord){.type = RAWMESSAGE_CALL,
                                          .to = RANDOM_TO_DRIVER,
                                          .method = (uint8_t)method,
                                          .name = (uint8_t)name,
                                          .value = value});
}

static RandomRecord received(const Story *story, unsigned from, uint32_t serial)
{
        RandomRecord record = story->sent[from][serial];

        record.what = RANDOM_RECEIVED;
        record.peer = story_unique(from);
        record.flags = 0;
        record.value = 0;
        if (record.to == RANDOM_TO_UNIQUE)
                record.name = RANDOM_NAME_UNIQUE;
        return record;
}

void story_read(Story *story, unsigned client, unsigned from, uint32_t serial)
{
        RandomRecord record = received(story, from, serial);

        story_write(story, client, &record, NULL);
}

void story_read_knowing(Story *story, unsigned client, unsigned from, uint32_t serial,
                        RandomKnown known)
{
        RandomRecord record = received(story, from, serial);

        record.n_known = 1;
        story_write(story, client, &record, &known);
}

void story_observe(Story *story, unsigned from, uint32_t serial)
{
        for (unsigned i = 0; i < RANDOM_OBSERVERS; i++)
                story_read(story, STORY_CLIENTS + i, from, serial);
}

static void read_driver(Story *story, unsigned client, RandomRecord record)
{
        record.what = RANDOM_RECEIVED;
        record.peer = RANDOM_DRIVER;
        story_write(story, client, &record, NULL);
}

void story_read_reply(Story *story, unsigned client, uint32_t call, uint32_t value)
{
        read_driver(story, client,
                    (RandomRecord){.type = RAWMESSAGE_RETURN,
                                   .to = RANDOM_TO_UNIQUE,
                                   .name = RANDOM_NAME_UNIQUE,
                                   .reply_serial = call,
                                   .value = value});
}

void story_read_error(Story *story, unsigned client, uint32_t call, RandomError error)
{
        read_driver(story, client,
                    (RandomRecord){.type = RAWMESSAGE_ERROR,
                                   .to = RANDOM_TO_UNIQUE,
                                   .name = RANDOM_NAME_UNIQUE,
                                   .reply_serial = call,
                                   .error = (uint8_t)error});
}

void story_read_denial(Story *story, unsigned client, uint32_t call, unsigned state)
{
        read_driver(story, client,
                    (RandomRecord){.type = RAWMESSAGE_ERROR,
                                   .to = RANDOM_TO_UNIQUE,
                                   .name = RANDOM_NAME_UNIQUE,
                                   .reply_serial = call,
                                   .old = state,
                                   .error = RANDOM_ERROR_DENIED});
}

static uint32_t owner_of(int client)
{
        return client < 0 ? 0 : story_unique((unsigned)client) + 1;
}

void story_read_change(Story *story, unsigned client, unsigned name, int old, int new)
{
        read_driver(story, client,
                    (RandomRecord){.type = RAWMESSAGE_SIGNAL,
                                   .to = RANDOM_TO_ALL,
                                   .method = RANDOM_METHOD_CHANGED,
                                   .name = (uint8_t)name,
                                   .old = owner_of(old),
                                   .value = owner_of(new)});
}

void story_change(Story *story, unsigned name, int old, int new)
{
        for (unsigned i = 0; i < RANDOM_OBSERVERS; i++)
                story_read_change(story, STORY_CLIENTS + i, name, old, new);
}

void story_read_told(Story *story, unsigned client, RandomMethod told, unsigned name)
{
        read_driver(story, client,
                    (RandomRecord){.type = RAWMESSAGE_SIGNAL,
                                   .to = RANDOM_TO_UNIQUE,
                                   .method = (uint8_t)told,
                                   .name = (uint8_t)name,
                                   .hash = story_unique(client)});
}

static void change_unique(Story *story, unsigned observer, unsigned client, bool comes)
{
        uint32_t number = story_unique(client) + 1;

        read_driver(story, observer,
                    (RandomRecord){.type = RAWMESSAGE_SIGNAL,
                                   .to = RANDOM_TO_ALL,
                                   .method = RANDOM_METHOD_CHANGED,
                                   .name = RANDOM_NAME_UNIQUE,
                                   .old = comes ? 0 : number,
                                   .value = comes ? number : 0,
                                   .hash = number - 1});
}

void story_see(Story *story, unsigned from, uint32_t serial)
{
        const RandomRecord *sent = &story->sent[from][serial];

        if (story->n_seen == STORY_SERIALS_MAX)
                abort();
        story->seen[story->n_seen++] =
                (RandomSeen){.peer = story_unique(from),
                             .serial = serial,
                             .reply_serial = sent->reply_serial,
                             .to = sent->to == RANDOM_TO_UNIQUE ? sent->peer + 1 : 0,
                             .type = sent->type};
}

void story_add_rule(Story *story, unsigned client, unsigned rule)
{
        uint32_t call = story_call(story, client, RANDOM_METHOD_ADD_MATCH, RANDOM_NAME_NONE, rule);

        story_read_reply(story, client, call, 0);
}

void story_gone(Story *story, unsigned client)
{
        for (unsigned i = 0; i < RANDOM_OBSERVERS; i++)
                change_unique(story, STORY_CLIENTS + i, client, false);
}

/* Everybody joins; the observers see it. */
static Story *new_story(void)
{
        Story *story = calloc(1, sizeof(*story));
        const RandomRecord started = {.what = RANDOM_STARTED};

        if (!story)
                abort();
        for (unsigned i = 0; i < STORY_LOGS; i++) {
                const RandomRecord joined = {.what = RANDOM_JOINED, .peer = story_unique(i)};

                (void)story_call(story, i, RANDOM_METHOD_HELLO, RANDOM_NAME_NONE, 0);
                story_write(story, i, &joined, NULL);
                story_read_told(story, i, RANDOM_METHOD_ACQUIRED, RANDOM_NAME_UNIQUE);
                story_write(story, i, &started, NULL);
        }
        change_unique(story, STORY_CLIENTS, STORY_CLIENTS + 1, true); /* to the first one only */
        for (unsigned i = 0; i < STORY_CLIENTS; i++) {
                change_unique(story, STORY_CLIENTS, i, true);
                change_unique(story, STORY_CLIENTS + 1, i, true);
        }
        return story;
}

void story_end(Story *story, unsigned client, RandomEnd end)
{
        const RandomRecord record = {
                .what = RANDOM_ENDED, .type = (uint8_t)end, .serial = story->serials[client]};

        story_write(story, client, &record, NULL);
        story->ended[client] = true;
}

static RandomReport check(Story *story)
{
        RandomReport report = {.quiet = true};
        RandomLogBytes logs[STORY_LOGS];
        RandomHistory history;

        for (unsigned i = 0; i < STORY_LOGS; i++) {
                if (!story->ended[i])
                        story_end(story, i, RANDOM_END_FINISHED);
                logs[i].data = (const uint8_t *)story->bytes[i];
                logs[i].size = story->sizes[i];
        }
        random_history_init(&history, logs, STORY_CLIENTS, &report);
        random_check(&history);
        history.lenient = true; /* the driver's messages have no serials here */
        if (story->n_seen)
                random_check_monitor(&history, story->seen, story->n_seen);
        random_history_deinit(&history);
        return report;
}

void story_tell(StoryTale tale, char clause)
{
        for (unsigned broken = 0; broken < 2; broken++) {
                Story *story = new_story();
                RandomReport report;

                tale(story, broken);
                report = check(story);
                free(story);
                if (broken)
                        assert_int_not_equal(report.n[clause - 'a'], 0);
                assert_int_equal(report.n_total, broken ? report.n[clause - 'a'] : 0);
        }
}
