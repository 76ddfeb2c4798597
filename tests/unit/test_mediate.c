/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security modules on the way of a message: two that this program makes up. "Labels" looks at the
 * labels only and is asked about everything; "Texts" looks at messages, too, and lets whoever is
 * free do as he likes.
 */
#include <errno.h>
#include <stdio.h>

#include "broker/router/answers.h"
#include "broker/router/judge.h"
#include "tests/unit/router_fixture.h"

typedef struct FakeModule {
        Mediator mediator;
        unsigned n_asked;
        MediatorQuestion last; /* its texts are gone */
        char denied[32];       /* a label; of "Texts": a member, or a name */
        int error;             /* what it says then */
} FakeModule;

static FakeModule labels, texts;

static bool is_label(const char *label, const char *other)
{
        return label && strcmp(label, other) == 0;
}

static bool concerns_all(const Mediator *mediator, const MediatorQuestion *question)
{
        (void)mediator;
        (void)question;
        return true;
}

static bool concerns_bound(const Mediator *mediator, const MediatorQuestion *question)
{
        (void)mediator;
        return !is_label(question->label, "free") ||
               (question->act == MEDIATOR_SEND && !question->to_bus &&
                !is_label(question->recipient_label, "free"));
}

static int ask_labels(const Mediator *mediator, const MediatorQuestion *question)
{
        labels.n_asked++;
        labels.last = *question;
        (void)mediator;
        return is_label(question->label, labels.denied) ||
                               is_label(question->recipient_label, labels.denied)
                       ? labels.error
                       : 0;
}

static int ask_texts(const Mediator *mediator, const MediatorQuestion *question)
{
        const Text denied = text_from(texts.denied);

        texts.n_asked++;
        texts.last = *question;
        (void)mediator;
        if (question->act == MEDIATOR_EAVESDROP)
                return is_label(question->label, texts.denied) ? texts.error : 0;
        return text_equal(question->member, denied) || text_equal(question->name, denied)
                       ? texts.error
                       : 0;
}

static void free_none(Mediator *mediator)
{
        (void)mediator;
}

static struct {
        Actor *bound, *free, *other;
} cast;

static Credentials credentials[3];

static Actor *join(RouterFixture *fixture, unsigned home, unsigned index, char *label)
{
        Actor *actor = actor_new(fixture, home);

        credentials[index] = (Credentials){
                .uid = 1000, .security_label = label, .security_label_size = strlen(label)};
        actor->endpoint.credentials = &credentials[index];
        assert_int_equal(actor_hello(actor), OWNERSHIP_OK);
        return actor;
}

static RouterFixture *begin(void **state)
{
        static char bound[] = "bound", free[] = "free", other[] = "other";
        RouterFixture *fixture = *state;

        labels = (FakeModule){.mediator = {.title = "Labels",
                                           .complaint = "No label, 0 matched rules",
                                           .concerns = concerns_all,
                                           .ask = ask_labels,
                                           .free = free_none},
                              .error = -EACCES};
        texts = (FakeModule){.mediator = {.title = "Texts",
                                          .complaint = "No text",
                                          .reads_messages = true,
                                          .ignores_replies = true,
                                          .mediates_eavesdropping = true,
                                          .concerns = concerns_bound,
                                          .ask = ask_texts,
                                          .free = free_none},
                             .error = -EACCES};
        fixture->root->mediators =
                (Mediators){.items = {&labels.mediator, &texts.mediator}, .n = 2};
        cast.bound = join(fixture, 0, 0, bound);
        cast.free = join(fixture, 1, 1, free);
        cast.other = join(fixture, 1, 2, other);
        router_fixture_drop_all(fixture);
        labels.n_asked = texts.n_asked = 0;
        return fixture;
}

static void deny(FakeModule *module, const char *what)
{
        snprintf(module->denied, sizeof(module->denied), "%s", what);
}

static void test_mediate_sender_that_a_module_stops_is_told_by_which(void **state)
{
        begin(state);
        deny(&labels, "bound");
        assert_int_equal(actor_call(cast.bound, 5, ":1.1"), SEND_DENIED);
        assert_string_equal(
                judge_refusal(cast.bound->thread),
                "No label, 0 matched rules; type=\"method_call\", sender=\":1.0\" (uid=1000 "
                "label=\"bound\") interface=\"(unset)\" member=\"Call\" error name=\"(unset)\" "
                "requested_reply=\"0\" destination=\":1.1\" (uid=1000 label=\"free\")");
        deny(&labels, "nobody");
        deny(&texts, "Call");
        assert_int_equal(actor_call(cast.bound, 5, ":1.2"), SEND_DENIED);
        assert_ptr_equal(strstr(judge_refusal(cast.bound->thread), "No text; type="),
                         judge_refusal(cast.bound->thread));
        actor_expect_nothing(cast.free);
        actor_expect_nothing(cast.other);
        assert_int_equal(tally_read(&cast.bound->thread->n_denied), 2);
        assert_int_equal(counter_read(&cast.bound->endpoint.n_owed_to), 0);
}

/* What each is told. */
static void test_mediate_modules_are_told_who_and_what(void **state)
{
        begin(state);
        assert_int_equal(actor_signal(cast.bound, ":1.1", "Hint"), SEND_OK);
        assert_int_equal(texts.last.act, MEDIATOR_SEND);
        assert_string_equal(texts.last.label, "bound");
        assert_string_equal(texts.last.recipient_label, "free");
        assert_false(texts.last.to_bus);
        actor_expect(cast.free, "signal Hint");
}

/* Of a module that reads messages each other message is another question; of one that does not,
 * none is. */
static void test_mediate_answers_are_remembered(void **state)
{
        RouterFixture *fixture = begin(state);

        for (uint32_t serial = 1; serial <= 10; serial++)
                assert_int_equal(actor_call(cast.bound, serial, ":1.1"), SEND_OK);
        assert_int_equal(labels.n_asked, 1);
        assert_int_equal(texts.n_asked, 1);
        assert_int_equal(tally_read(&cast.bound->thread->n_answer_hits), 18);
        assert_int_equal(actor_signal(cast.bound, ":1.1", "Hint"), SEND_OK);
        assert_int_equal(labels.n_asked, 1);
        assert_int_equal(texts.n_asked, 2);
        fixture->root->policy->generation++;
        assert_int_equal(actor_signal(cast.bound, ":1.1", "Hint"), SEND_OK);
        assert_int_equal(labels.n_asked, 2);
        assert_int_equal(texts.n_asked, 3);
        router_fixture_drop_all(fixture);
}

/* A refusal, too. */
static void test_mediate_refusals_are_remembered(void **state)
{
        begin(state);
        deny(&labels, "bound");
        assert_int_equal(actor_signal(cast.bound, ":1.1", "Hint"), SEND_DENIED);
        deny(&labels, "nobody");
        assert_int_equal(actor_signal(cast.bound, ":1.1", "Hint"), SEND_DENIED);
        assert_int_equal(labels.n_asked, 1);
}

/* But that is no answer: next time it may be there again. */
static void test_mediate_module_that_cannot_be_asked_refuses(void **state)
{
        begin(state);
        labels.error = -EIO;
        deny(&labels, "bound");
        assert_int_equal(actor_signal(cast.bound, ":1.1", "Hint"), SEND_DENIED);
        deny(&labels, "nobody");
        assert_int_equal(actor_signal(cast.bound, ":1.1", "Hint"), SEND_OK);
        actor_expect(cast.free, "signal Hint");
}

static void test_mediate_unconcerned_module_is_not_asked(void **state)
{
        RouterFixture *fixture = begin(state);

        credentials[2].security_label = credentials[1].security_label;
        assert_int_equal(actor_call(cast.free, 5, ":1.2"), SEND_OK);
        assert_int_equal(texts.n_asked, 0);
        assert_int_equal(labels.n_asked, 1);
        router_fixture_drop_all(fixture);
}

static void test_mediate_requested_replies_are_for_those_who_ask_for_them(void **state)
{
        begin(state);
        assert_int_equal(actor_call(cast.bound, 5, ":1.1"), SEND_OK);
        actor_drop(cast.free);
        labels.n_asked = texts.n_asked = 0;
        deny(&texts, ":1.0");
        assert_int_equal(actor_reply(cast.free, 5, ":1.0"), SEND_OK);
        assert_int_equal(texts.n_asked, 0);
        assert_int_equal(labels.n_asked, 1);
        actor_expect(cast.bound, "return 5");
        assert_int_equal(actor_reply(cast.free, 5, ":1.0"), SEND_DENIED); /* unrequested */
        assert_int_equal(texts.n_asked, 1);
}

static void test_mediate_broadcast_comes_to_those_who_may_get_it(void **state)
{
        begin(state);
        assert_int_equal(actor_add_rule(cast.free, "type='signal'"), RULES_OK);
        assert_int_equal(actor_add_rule(cast.other, "type='signal'"), RULES_OK);
        deny(&labels, "other");
        assert_int_equal(actor_broadcast(cast.bound, "Changed", "x"), SEND_OK);
        actor_expect(cast.free, "signal Changed x");
        actor_expect_nothing(cast.other);
        /* A broadcast has no DESTINATION; the modules are told the bus's name. */
        deny(&labels, "nobody");
        deny(&texts, "org.freedesktop.DBus");
        assert_int_equal(actor_broadcast(cast.bound, "Others", "y"), SEND_OK);
        actor_expect_nothing(cast.free);
}

static void test_mediate_names_are_mediated_before_the_policy(void **state)
{
        begin(state);
        deny(&texts, "com.example.No");
        assert_true(judge_name(cast.bound->thread, &cast.bound->endpoint, TEXT("com.example.Yes")));
        assert_int_equal(labels.last.act, MEDIATOR_OWN);
        assert_true(judge_name(cast.free->thread, &cast.free->endpoint, TEXT("com.example.No")));
        assert_false(judge_name(cast.bound->thread, &cast.bound->endpoint, TEXT("com.example.No")));
        assert_string_equal(judge_refusal(cast.bound->thread),
                            "Connection \":1.0\" is not allowed to own the service "
                            "\"com.example.No\" due to Texts policy");
}

static void test_mediate_eavesdropping_is_for_those_who_mediate_it(void **state)
{
        begin(state);
        deny(&texts, "bound");
        deny(&labels, "bound");
        assert_true(judge_eavesdropping(cast.free->thread, &cast.free->endpoint));
        assert_false(judge_eavesdropping(cast.bound->thread, &cast.bound->endpoint));
        assert_int_equal(labels.n_asked, 0);
        assert_string_equal(judge_refusal(cast.bound->thread),
                            "Connection \":1.0\" is not allowed to eavesdrop due to Texts policy");
}

/* All who say Hello have the same id: that of nobody. */
static void test_mediate_hello_is_asked_about_each_time(void **state)
{
        RouterFixture *fixture = begin(state);
        Actor *first = actor_new(fixture, 0), *second = actor_new(fixture, 0);
        const Header hello = {.frame.type = FRAME_TYPE_METHOD_CALL,
                              .destination = TEXT("org.freedesktop.DBus"),
                              .member = TEXT("Hello")};

        first->endpoint.credentials = &credentials[0];
        second->endpoint.credentials = &credentials[2];
        assert_true(judge_hello(first->thread, &first->endpoint, &hello));
        assert_true(labels.last.to_bus);
        deny(&labels, "other");
        assert_true(judge_hello(first->thread, &first->endpoint, &hello));
        assert_false(judge_hello(second->thread, &second->endpoint, &hello));
        assert_int_equal(labels.n_asked, 4); /* and once more for the words */
}

/* What is too long for the cache is asked about each time, and everything in it counts. */
static void test_mediate_keys_hold_all_that_is_told(void **state)
{
        static char path[ANSWERS_BYTES_MAX];
        Text parts[ANSWERS_TEXTS] = {TEXT("ab"), TEXT("c"), TEXT_NONE, TEXT("")};
        Answers answers;
        AnswersKey key;
        bool allowed = false;

        (void)state;
        assert_int_equal(answers_init(&answers), 0);
        assert_true(answers_key(1, 2, 0, parts, &key));
        assert_false(answers_find(&answers, 7, &key, &allowed));
        answers_add(&answers, &key, true);
        assert_true(answers_find(&answers, 7, &key, &allowed));
        assert_true(allowed);
        parts[0] = TEXT("a"); /* the same bytes in a row */
        parts[1] = TEXT("bc");
        assert_true(answers_key(1, 2, 0, parts, &key));
        assert_false(answers_find(&answers, 7, &key, &allowed));
        parts[0] = TEXT("ab");
        parts[1] = TEXT("c");
        parts[2] = TEXT("");
        parts[3] = TEXT_NONE;
        assert_true(answers_key(1, 2, 0, parts, &key));
        assert_false(answers_find(&answers, 7, &key, &allowed));
        for (unsigned i = 0; i < 3; i++) {
                parts[2] = TEXT_NONE;
                parts[3] = TEXT("");
                assert_true(answers_key(1 + (i == 0), 2 + (i == 1), i == 2, parts, &key));
                assert_false(answers_find(&answers, 7, &key, &allowed));
        }
        parts[2] = (Text){.data = path, .size = sizeof(path) - 8 - 3};
        assert_true(answers_key(1, 2, 0, parts, &key));
        assert_int_equal(key.n_bytes, sizeof(path));
        parts[2].size++;
        assert_false(answers_key(1, 2, 0, parts, &key));
        parts[2].size = SIZE_MAX;
        assert_false(answers_key(1, 2, 0, parts, &key));
        answers_deinit(&answers);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_mediate_sender_that_a_module_stops_is_told_by_which),
                ROUTER_TEST(test_mediate_modules_are_told_who_and_what),
                ROUTER_TEST(test_mediate_answers_are_remembered),
                ROUTER_TEST(test_mediate_refusals_are_remembered),
                ROUTER_TEST(test_mediate_module_that_cannot_be_asked_refuses),
                ROUTER_TEST(test_mediate_unconcerned_module_is_not_asked),
                ROUTER_TEST(test_mediate_requested_replies_are_for_those_who_ask_for_them),
                ROUTER_TEST(test_mediate_broadcast_comes_to_those_who_may_get_it),
                ROUTER_TEST(test_mediate_names_are_mediated_before_the_policy),
                ROUTER_TEST(test_mediate_eavesdropping_is_for_those_who_mediate_it),
                ROUTER_TEST(test_mediate_hello_is_asked_about_each_time),
                cmocka_unit_test(test_mediate_keys_hold_all_that_is_told),
        };

        return cmocka_run_group_tests_name("mediate", tests, NULL, NULL);
}
