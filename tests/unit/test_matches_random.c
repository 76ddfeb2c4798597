/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The match index against the literal matcher, on random rules and messages: the same receivers,
 * each once, while rules come and go and names change owners. Usage: test_matches_random [PAIRS
 * [SEED]]; a pair is one rule compared with one message.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/matches_generate.h"
#include "tests/unit/router_fixture.h"

enum { ACTORS = 12, RULES_MAX = 160 };

static unsigned long n_pairs_wanted = 10000000;
typedef struct Rule {
        MatchRule rule;
        char scratch[MATCHRULE_TEXT_MAX];
        char text[MATCHRULE_TEXT_MAX];
        unsigned actor;
} Rule;

/* Who owns a name and who waits for it; the first owns it. */
typedef struct Queue {
        unsigned actors[ACTORS];
        bool may_wait[ACTORS]; /* by actor: when it is replaced */
        unsigned n;
} Queue;

/* Owner: the test. */
typedef struct World {
        RouterFixture *fixture;
        Actor *actors[ACTORS];
        Queue queues[MODEL_NAMES];
        const char *owners[MODEL_NAMES]; /* unique names */
        Rule rules[RULES_MAX];
        unsigned n_rules;
        unsigned long n_pairs, n_matching, n_hits;
} World;

/* The unique names of those who live. */
static MatchesParties uniques(const World *world)
{
        MatchesParties parties = {.n = ACTORS};

        for (unsigned i = 0; i < ACTORS; i++)
                parties.unique[i] = world->actors[i]->endpoint.unique_name;
        return parties;
}

static void add_rule(World *world)
{
        Rule *rule = &world->rules[world->n_rules];

        if (world->n_rules == RULES_MAX)
                return;
        if (world->n_rules > 0 &&
            matches_generate_below(8) == 0) /* one more of an old one, or an equal one */
                memcpy(rule->text, world->rules[matches_generate_below(world->n_rules)].text,
                       sizeof(rule->text));
        else
                matches_generate_rule(uniques(world), rule->text);
        rule->actor = matches_generate_below(ACTORS);
        if (matchrule_parse(text_from(rule->text), rule->scratch, &rule->rule, NULL) !=
            MATCHRULE_OK)
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
        i = matches_generate_below(world->n_rules);
        assert_int_equal(
                actor_remove_rule(world->actors[world->rules[i].actor], world->rules[i].text),
                RULES_OK);
        forget_rule(world, i);
}

static void leave_queue(Queue *queue, unsigned actor)
{
        unsigned n = 0;

        for (unsigned i = 0; i < queue->n; i++)
                if (queue->actors[i] != actor)
                        queue->actors[n++] = queue->actors[i];
        queue->n = n;
}

static void enter_queue(Queue *queue, unsigned actor, unsigned place)
{
        memmove(&queue->actors[place + 1], &queue->actors[place],
                (queue->n - place) * sizeof(queue->actors[0]));
        queue->actors[place] = actor;
        queue->n++;
}

/* RequestName: everybody allows to be replaced. Who replaces does not wait when it is replaced. */
static void request_in_model(Queue *queue, unsigned actor, bool replace)
{
        unsigned old = queue->actors[0];

        if (queue->n > 0 && old != actor && replace) {
                leave_queue(queue, actor);
                if (!queue->may_wait[old])
                        leave_queue(queue, old);
                enter_queue(queue, actor, 0);
        } else {
                bool waits = false;

                for (unsigned i = 0; i < queue->n; i++)
                        waits |= queue->actors[i] == actor;
                if (!waits)
                        enter_queue(queue, actor, queue->n);
        }
        queue->may_wait[actor] = !replace;
}

static void update_owners(World *world)
{
        for (unsigned i = 0; i < MODEL_NAMES; i++) {
                const Queue *queue = &world->queues[i];

                world->owners[i] = queue->n == 0
                                           ? NULL
                                           : world->actors[queue->actors[0]]->endpoint.unique_name;
        }
}

static void change_owner(World *world)
{
        const unsigned name = matches_generate_below(MODEL_NAMES);
        const unsigned who = matches_generate_below(ACTORS), what = matches_generate_below(3);

        if (what == 0) {
                actor_release(world->actors[who], matches_generate_names[name]);
                leave_queue(&world->queues[name], who);
        } else {
                uint32_t flags = NAMES_ALLOW_REPLACEMENT;

                if (what == 1)
                        flags |= NAMES_REPLACE_EXISTING | NAMES_DO_NOT_QUEUE;
                actor_request(world->actors[who], matches_generate_names[name], flags);
                request_in_model(&world->queues[name], who, what == 1);
        }
        update_owners(world);
}

/* One leaves with all its rules and those that name it, and another comes. */
static void replace_actor(World *world)
{
        unsigned who = matches_generate_below(ACTORS);
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
                leave_queue(&world->queues[i], who);
        actor_leave(world->actors[who]);
        router_fixture_drop_all(world->fixture);
        router_fixture_reclaim(world->fixture);
        world->actors[who] = actor_join(world->fixture, who % 2);
        update_owners(world);
}

static ModelMessage make_message(World *world, unsigned *ret_sender, unsigned *ret_recipient,
                                 bool broadcast)
{
        ModelMessage message = {.type = RAWMESSAGE_SIGNAL,
                                .names = matches_generate_names,
                                .owners = world->owners};

        *ret_sender = matches_generate_below(ACTORS + 1); /* the last: the bus itself */
        *ret_recipient = ACTORS;
        message.path = matches_generate_path();
        message.interface = matches_generate_interface();
        message.member = matches_generate_member();
        message.sender = *ret_sender == ACTORS ? "org.freedesktop.DBus"
                                               : world->actors[*ret_sender]->endpoint.unique_name;
        matches_generate_args(&message);
        if (broadcast)
                return message;
        message.type = (uint8_t)(RAWMESSAGE_CALL + matches_generate_below(4));
        if (message.type == RAWMESSAGE_RETURN || message.type == RAWMESSAGE_ERROR)
                message.path = message.interface = message.member = NULL;
        else if (message.type == RAWMESSAGE_CALL && matches_generate_below(3) == 0)
                message.interface = NULL;
        message.destination = matches_generate_party(uniques(world));
        *ret_recipient = matches_generate_below(ACTORS + 1); /* the last: not known */
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

/* Ends the test with the rules of that actor that match. */
static void report(const World *world, const ModelMessage *model, unsigned who, bool missed)
{
        for (unsigned i = 0; i < world->n_rules; i++)
                if (world->rules[i].actor == who && model_matches(&world->rules[i].rule, model))
                        print_error("rule %s\n", world->rules[i].text);
        fail_msg("%s from %s: actor %u %s", model->member ? model->member : "-", model->sender, who,
                 missed ? "is missed" : "should not get it");
}

static void compare(World *world, const ModelMessage *model, const RouterThread *thread,
                    unsigned excluded, bool eavesdroppers)
{
        bool expected[ACTORS] = {false}, found[ACTORS] = {false};

        for (unsigned i = 0; i < world->n_rules; i++) {
                const Rule *rule = &world->rules[i];
                bool matches = model_matches(&rule->rule, model);

                world->n_pairs++;
                world->n_matching += matches;
                if (matches && (!eavesdroppers || rule->rule.eavesdrop) && rule->actor != excluded)
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
                if (expected[i] != found[i])
                        report(world, model, i, expected[i]);
}

static void check_message(World *world)
{
        const bool broadcast = matches_generate_below(3) != 0;
        unsigned sender, recipient;
        ModelMessage model = make_message(world, &sender, &recipient, broadcast);
        RouterThread *thread = &world->fixture->threads[matches_generate_below(2)];
        Actor *from = sender < ACTORS ? world->actors[sender] : NULL;
        MatchQuery query;
        Parcel parcel;

        build_message(&model, &parcel, world->actors[0], matches_generate_below(2));
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

static void test_matches_random_agrees_with_the_literal_matcher(void **state)
{
        World *world = calloc(1, sizeof(*world));

        assert_non_null(world);
        world->fixture = *state;
        for (unsigned i = 0; i < ACTORS; i++)
                world->actors[i] = actor_join(world->fixture, i % 2);
        while (world->n_pairs < n_pairs_wanted) {
                unsigned what = matches_generate_below(100);

                if (what < 12)
                        add_rule(world);
                else if (what < 18)
                        remove_rule(world);
                else if (what < 22)
                        change_owner(world);
                else if (what < 23 && matches_generate_below(8) == 0)
                        replace_actor(world);
                else
                        check_message(world);
                router_fixture_drop_all(world->fixture);
        }
        print_message("%lu pairs of a rule and a message, %.1f %% of them match; %lu receivers "
                      "found\n",
                      world->n_pairs, 100.0 * (double)world->n_matching / (double)world->n_pairs,
                      world->n_hits);
        assert_true(world->n_matching > world->n_pairs / 10);
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
                matches_generate_begin(strtoull(argv[2], NULL, 10));
        return cmocka_run_group_tests(tests, NULL, NULL);
}
