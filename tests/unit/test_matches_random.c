/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The match index against the literal matcher, on random rules and messages: the same receivers,
 * each once, while rules come and go and names change owners. Usage: test_matches_random [PAIRS
 * [SEED]]; a pair is one rule compared with one message.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/matches_model.h"
#include "tests/unit/router_fixture.h"

enum { ACTORS = 12, RULES_MAX = 160, TEXT_MAX = 4096 };

static unsigned long n_pairs_wanted = 10000000;
static uint64_t random_state = 1;

static const char *const names[MODEL_NAMES] = {"n.a", "n.b", "n.a.b", "org.n"};

typedef struct Rule {
        MatchRule rule;
        char scratch[MATCHRULE_TEXT_MAX];
        char text[MATCHRULE_TEXT_MAX];
        unsigned actor;
} Rule;

/* Owner: the test. */
typedef struct World {
        RouterFixture *fixture;
        Actor *actors[ACTORS];
        const char *owners[MODEL_NAMES];
        Rule rules[RULES_MAX];
        unsigned n_rules;
        unsigned long n_pairs, n_hits;
        char deep[3][512]; /* long paths */
} World;

static uint64_t random_next(void) /* xorshift64* */
{
        random_state ^= random_state >> 12;
        random_state ^= random_state << 25;
        random_state ^= random_state >> 27;
        return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

static unsigned below(unsigned n)
{
        return (unsigned)((random_next() >> 33) % n);
}

#define PICK(array) ((array)[below(ARRAY_SIZE(array))])

static const char *const interfaces[] = {"a.b", "a.b.c", "x.y"};
static const char *const members[] = {"M", "N", "M2"};
static const char *const types[] = {"signal", "method_call", "method_return", "error"};
static const char *const paths[] = {"/", "/a", "/a/b", "/a/b/c", "/ab", "/a/bc", "/b"};
static const char *const spaces[] = {"a", "a.b", "a.b.c", "ab", "b"};
static const char *const texts[] = {"",     "a",     "a.b",  "a.b.c", "a.bc", "a.",   ".a", "a..b", "ab",
                                    "/",    "/a",    "/a/",  "/a/b",  "/a/b/", "/ab/", "b",  "a/",  "/b/c"};

static const char *random_path(const World *world)
{
        return below(12) == 0 ? world->deep[below(3)] : PICK(paths);
}

static const char *random_party(const World *world)
{
        switch (below(4)) {
        case 0:
                return world->actors[below(ACTORS)]->endpoint.unique_name;
        case 1:
                return below(4) == 0 ? "org.freedesktop.DBus" : ":1.9999";
        default:
                return names[below(MODEL_NAMES)];
        }
}

/* arg0-3 are frequent, all others occur. */
static unsigned random_index(void)
{
        return below(3) == 0 ? below(64) : below(4);
}

static size_t add_key(char *text, size_t at, const char *key, const char *value)
{
        return at + (size_t)snprintf(text + at, MATCHRULE_TEXT_MAX - at, "%s%s='%s'",
                                     at > 0 ? "," : "", key, value);
}

static size_t add_args(char *text, size_t at)
{
        bool used[64] = {false};
        char key[32];

        for (unsigned n = below(4); n > 0; n--) {
                unsigned index = random_index(), kind = below(4);

                if (used[index])
                        continue;
                used[index] = true;
                if (kind == 0) {
                        snprintf(key, sizeof(key), "arg%upath", index);
                        at = add_key(text, at, key, PICK(texts));
                } else if (kind == 1 && !used[0]) {
                        used[0] = true;
                        at = add_key(text, at, "arg0namespace", PICK(spaces));
                } else {
                        snprintf(key, sizeof(key), "arg%u", index);
                        at = add_key(text, at, key, PICK(texts));
                }
        }
        return at;
}

static void make_rule_text(const World *world, char *text)
{
        size_t at = 0;

        text[0] = '\0';
        if (below(4) == 0)
                at = add_key(text, at, "type", types[below(3) ? 0 : below(4)]);
        if (below(3) == 0)
                at = add_key(text, at, "sender", random_party(world));
        else if (below(6) == 0)
                at = add_key(text, at, "destination", random_party(world));
        if (below(2) == 0)
                at = add_key(text, at, "interface", PICK(interfaces));
        if (below(2) == 0)
                at = add_key(text, at, "member", PICK(members));
        if (below(4) == 0)
                at = add_key(text, at, "path", random_path(world));
        else if (below(4) == 0)
                at = add_key(text, at, "path_namespace", random_path(world));
        if (below(5) == 0)
                at = add_key(text, at, "eavesdrop", below(4) ? "true" : "false");
        if (below(2) == 0)
                add_args(text, at);
}

static void add_rule(World *world)
{
        Rule *rule = &world->rules[world->n_rules];

        if (world->n_rules == RULES_MAX)
                return;
        if (world->n_rules > 0 && below(8) == 0) /* one more of an old one, or an equal one */
                memcpy(rule->text, world->rules[below(world->n_rules)].text, sizeof(rule->text));
        else
                make_rule_text(world, rule->text);
        rule->actor = below(ACTORS);
        if (matchrule_parse(text_from(rule->text), rule->scratch, &rule->rule, NULL) != MATCHRULE_OK)
                return; /* a destination or sender that is no bus name */
        assert_int_equal(actor_add_rule(world->actors[rule->actor], rule->text), RULES_OK);
        world->n_rules++;
}

/* The model's list has gaps nowhere; texts move with their rules. */
static void forget_rule(World *world, unsigned i)
{
        Rule *last = &world->rules[--world->n_rules], *rule = &world->rules[i];

        if (rule == last)
                return;
        memcpy(rule->text, last->text, sizeof(rule->text));
        rule->actor = last->actor;
        assert_int_equal(matchrule_parse(text_from(rule->text), rule->scratch, &rule->rule, NULL),
                         MATCHRULE_OK);
}

static void remove_rule(World *world)
{
        unsigned i;

        if (world->n_rules == 0)
                return;
        i = below(world->n_rules);
        assert_int_equal(actor_remove_rule(world->actors[world->rules[i].actor],
                                           world->rules[i].text),
                         RULES_OK);
        forget_rule(world, i);
}

static void change_owner(World *world)
{
        const uint32_t flags = NAMES_ALLOW_REPLACEMENT | NAMES_REPLACE_EXISTING | NAMES_DO_NOT_QUEUE;
        unsigned name = below(MODEL_NAMES);
        Actor *actor = world->actors[below(ACTORS)];

        if (below(3) == 0) {
                actor_release(actor, names[name]);
                if (world->owners[name] && strcmp(world->owners[name],
                                                  actor->endpoint.unique_name) == 0)
                        world->owners[name] = NULL;
        } else {
                actor_request(actor, names[name], flags);
                world->owners[name] = actor->endpoint.unique_name;
        }
}

/* One leaves with all its rules and those that name it, and another comes. */
static void replace_actor(World *world)
{
        unsigned who = below(ACTORS);
        const char *unique = world->actors[who]->endpoint.unique_name;

        for (unsigned i = 0; i < world->n_rules;) {
                const Rule *rule = &world->rules[i];

                if (rule->actor == who || text_equal(rule->rule.sender, text_from(unique)) ||
                    text_equal(rule->rule.destination, text_from(unique)))
                        forget_rule(world, i);
                else
                        i++;
        }
        for (unsigned i = 0; i < MODEL_NAMES; i++)
                if (world->owners[i] && strcmp(world->owners[i], unique) == 0)
                        world->owners[i] = NULL;
        actor_leave(world->actors[who]);
        router_fixture_drop_all(world->fixture);
        router_fixture_reclaim(world->fixture);
        world->actors[who] = actor_join(world->fixture, who % 2);
}

static void make_args(ModelMessage *message)
{
        static const char *const objects[] = {"/", "/a", "/a/b", "/ab", "/b/c"};

        message->n_args = below(4) == 0 ? below(MODEL_ARGS_MAX) : below(5);
        for (unsigned i = 0; i < message->n_args; i++) {
                static const char kinds[] = "sssssoguas";

                message->args[i].type = kinds[below(sizeof(kinds) - 1)];
                message->args[i].text = message->args[i].type == 'o'   ? PICK(objects)
                                        : message->args[i].type == 'g' ? "s"
                                                                       : PICK(texts);
        }
}

static ModelMessage make_message(World *world, unsigned *ret_sender, unsigned *ret_recipient,
                                 bool broadcast)
{
        ModelMessage message = {.type = RAWMESSAGE_SIGNAL, .names = names, .owners = world->owners};

        *ret_sender = below(ACTORS + 1); /* the last: the bus itself */
        *ret_recipient = ACTORS;
        message.path = random_path(world);
        message.interface = PICK(interfaces);
        message.member = PICK(members);
        message.sender = *ret_sender == ACTORS ? "org.freedesktop.DBus"
                                               : world->actors[*ret_sender]->endpoint.unique_name;
        make_args(&message);
        if (broadcast)
                return message;
        message.type = (uint8_t)(RAWMESSAGE_CALL + below(4));
        if (message.type == RAWMESSAGE_RETURN || message.type == RAWMESSAGE_ERROR)
                message.path = message.interface = message.member = NULL;
        else if (message.type == RAWMESSAGE_CALL && below(3) == 0)
                message.interface = NULL;
        message.destination = random_party(world);
        *ret_recipient = below(ACTORS + 1); /* the last: not known */
        if (*ret_recipient < ACTORS)
                message.recipient = world->actors[*ret_recipient]->endpoint.unique_name;
        return message;
}

static void build_message(const ModelMessage *model, Parcel *parcel, Actor *sender, bool big_endian)
{
        char signature[2 * MODEL_ARGS_MAX + 1];
        RawHeader header = {.type = model->type,
                            .serial = 1,
                            .path = model->path,
                            .interface = model->interface,
                            .member = model->member,
                            .destination = model->destination,
                            .signature = signature};
        Marshal body;
        size_t at = 0;

        if (model->type == RAWMESSAGE_RETURN || model->type == RAWMESSAGE_ERROR)
                header.reply_serial = 5;
        if (model->type == RAWMESSAGE_ERROR)
                header.error_name = "a.b";
        marshal_init(&body, big_endian);
        for (unsigned i = 0; i < model->n_args; i++) {
                const ModelArg *arg = &model->args[i];

                signature[at++] = arg->type;
                if (arg->type == 'a') { /* of strings: no argument to match */
                        MarshalArray array = marshal_open_array(&body, 4);

                        signature[at++] = 's';
                        marshal_string(&body, arg->text);
                        marshal_close_array(&body, array);
                } else if (arg->type == 'u') {
                        marshal_align(&body, 4);
                        marshal_u32(&body, 7);
                } else if (arg->type == 'g') {
                        marshal_signature(&body, arg->text);
                } else {
                        marshal_string(&body, arg->text);
                }
        }
        signature[at] = '\0';
        parcel_init_endian(parcel, sender, &header, &body, big_endian);
        marshal_deinit(&body);
}

static void compare(World *world, const ModelMessage *model, const RouterThread *thread,
                    unsigned excluded, bool eavesdroppers)
{
        bool expected[ACTORS] = {false}, found[ACTORS] = {false};

        for (unsigned i = 0; i < world->n_rules; i++) {
                const Rule *rule = &world->rules[i];

                world->n_pairs++;
                if ((!eavesdroppers || rule->rule.eavesdrop) && rule->actor != excluded &&
                    model_matches(&rule->rule, model))
                        expected[rule->actor] = true;
        }
        for (unsigned i = 0; i < thread->n_targets; i++) {
                unsigned who = 0;

                while (who < ACTORS && &world->actors[who]->endpoint != thread->targets[i])
                        who++;
                assert_true(who < ACTORS);
                assert_false(found[who]); /* once */
                found[who] = true;
                world->n_hits++;
        }
        for (unsigned i = 0; i < ACTORS; i++)
                if (expected[i] != found[i]) {
                        for (unsigned j = 0; j < world->n_rules; j++)
                                if (world->rules[j].actor == i &&
                                    model_matches(&world->rules[j].rule, model))
                                        print_error("rule %s\n", world->rules[j].text);
                        fail_msg("%s from %s: actor %u %s", model->member ? model->member : "-",
                                 model->sender, i, expected[i] ? "is missed" : "should not get it");
                }
}

static void check_message(World *world)
{
        const bool broadcast = below(3) != 0;
        unsigned sender, recipient;
        ModelMessage model = make_message(world, &sender, &recipient, broadcast);
        RouterThread *thread = &world->fixture->threads[below(2)];
        Actor *from = sender < ACTORS ? world->actors[sender] : NULL;
        MatchQuery query;
        Parcel parcel;

        build_message(&model, &parcel, world->actors[0], below(2));
        matches_query(&query, &parcel.incoming.header, incoming_body(&parcel.incoming),
                      from ? &from->endpoint : NULL,
                      recipient < ACTORS ? &world->actors[recipient]->endpoint : NULL);
        if (broadcast) {
                matches_find(&world->fixture->router.matches, &query, thread);
        } else {
                matches_begin(thread);
                if (recipient < ACTORS)
                        matches_exclude(thread, &world->actors[recipient]->endpoint);
                matches_find_eavesdroppers(&world->fixture->router.matches, &query, thread);
        }
        compare(world, &model, thread, recipient, !broadcast);
        parcel_deinit(&parcel, world->actors[0]);
}

static void make_deep_paths(World *world)
{
        size_t at = 0;

        for (unsigned i = 0; i < 240; i++)
                at += (size_t)snprintf(world->deep[0] + at, sizeof(world->deep[0]) - at, "/%c",
                                       "ab"[i % 2]);
        memcpy(world->deep[1], world->deep[0], at - 2); /* its parent */
        memcpy(world->deep[2], world->deep[0], at);
        world->deep[2][at - 1] = 'x'; /* its sibling */
}

static void test_matches_random_agrees_with_the_literal_matcher(void **state)
{
        World *world = calloc(1, sizeof(*world));

        assert_non_null(world);
        world->fixture = *state;
        make_deep_paths(world);
        for (unsigned i = 0; i < ACTORS; i++)
                world->actors[i] = actor_join(world->fixture, i % 2);
        while (world->n_pairs < n_pairs_wanted) {
                unsigned what = below(100);

                if (what < 12)
                        add_rule(world);
                else if (what < 18)
                        remove_rule(world);
                else if (what < 22)
                        change_owner(world);
                else if (what < 23 && below(8) == 0)
                        replace_actor(world);
                else
                        check_message(world);
                router_fixture_drop_all(world->fixture);
        }
        print_message("%lu pairs, %lu receivers found\n", world->n_pairs, world->n_hits);
        assert_true(world->n_hits > world->n_pairs / 1000);
        free(world);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_matches_random_agrees_with_the_literal_matcher),
        };

        if (argc > 1)
                n_pairs_wanted = strtoul(argv[1], NULL, 10);
        if (argc > 2)
                random_state = strtoull(argv[2], NULL, 10) * 2 + 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
