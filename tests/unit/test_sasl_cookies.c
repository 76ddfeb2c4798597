/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DBUS_COOKIE_SHA1 and ANONYMOUS against transcripts of dbus-daemon 1.14.10, running as uid 0 with
 * all mechanisms. tests/clients/test_authentication.py holds the same talks with both, live. The
 * hashes were computed with sha1sum(1).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "auth/sasl.h"
#include "auth/sha1.h"
#include "broker/base/assert.h"

#define GUID "79f934d19de63af17d9116c96b0333ec"
#define OK "OK " GUID "\r\n"
#define REJECTED "REJECTED EXTERNAL DBUS_COOKIE_SHA1 ANONYMOUS\r\n"
#define ERROR(text) "ERROR \"" text "\"\r\n"
#define COOKIE "0b471f2e94c8277999948301267037bb882c465319ad6fcd"
#define CHALLENGE "00112233445566778899aabbccddeeff"
/* "org_freedesktop_general 565379871 00112233445566778899aabbccddeeff" */
#define DATA                                                                                       \
        "DATA 6f72675f667265656465736b746f705f67656e6572616c2035363533373938373120"                \
        "3030313132323333343435353636373738383939616162626363646465656666\r\n"

/* What a line leads to, besides the reply. */
typedef enum Outcome { END_OF_TALK, STAYS, BEGUN, CLOSED } Outcome;

typedef struct Exchange {
        const char *line; /* "@RIGHT@" and so on stand for a response */
        const char *reply;
        Outcome outcome;
} Exchange;

enum { EXCHANGES_MAX = 12 };

typedef struct Talk {
        const char *name;
        Exchange exchanges[EXCHANGES_MAX];
} Talk;

static const Talk talks[] = {
        {"no claim",
         {{"AUTH DBUS_COOKIE_SHA1", REJECTED, STAYS},
          {"DATA 30", ERROR("Not currently in an auth conversation"), STAYS}}},
        {"claim that is not hex",
         {{"AUTH DBUS_COOKIE_SHA1 zz", ERROR("Invalid hex encoding"), STAYS},
          {"DATA 30", ERROR("Not currently in an auth conversation"), STAYS},
          {"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS}}},
        {"other uid", {{"AUTH DBUS_COOKIE_SHA1 31", REJECTED, STAYS}}},
        {"name", {{"AUTH DBUS_COOKIE_SHA1 726f6f74", DATA, STAYS}, {"@RIGHT@", OK, STAYS}}},
        {"other name", {{"AUTH DBUS_COOKIE_SHA1 6e6f626f6479", REJECTED, STAYS}}},
        /* The reference ends the name at the nul byte. */
        {"name with a nul byte", {{"AUTH DBUS_COOKIE_SHA1 726f6f7400", REJECTED, STAYS}}},
        {"right",
         {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS},
          {"@RIGHT@", OK, STAYS},
          {"NEGOTIATE_UNIX_FD", "AGREE_UNIX_FD\r\n", STAYS},
          {"BEGIN", "", BEGUN}}},
        {"right, cancelled, and again",
         {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS},
          {"@RIGHT@", OK, STAYS},
          {"CANCEL", REJECTED, STAYS},
          {"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS},
          {"@RIGHT@", OK, STAYS}}},
        {"tab between", {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS}, {"@TAB@", OK, STAYS}}},
        {"blanks between", {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS}, {"@BLANKS@", OK, STAYS}}},
        {"blank behind",
         {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS}, {"@BEHIND@", REJECTED, STAYS}}},
        {"no challenge", {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS}, {"@EMPTY@", REJECTED, STAYS}}},
        {"upper case", {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS}, {"@UPPER@", REJECTED, STAYS}}},
        {"one digit wrong",
         {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS},
          {"@WRONG@", REJECTED, STAYS},
          {"@RIGHT@", ERROR("Not currently in an auth conversation"), STAYS}}},
        {"one digit missing",
         {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS}, {"@SHORT@", REJECTED, STAYS}}},
        {"no response", {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS}, {"DATA", REJECTED, STAYS}}},
        {"response that is not hex",
         {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS},
          {"DATA zz", ERROR("Invalid hex encoding"), STAYS},
          {"DATA 78", REJECTED, STAYS}}},
        {"response of one word",
         {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS}, {"DATA 782079", REJECTED, STAYS}}},
        {"CANCEL", {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS}, {"CANCEL", REJECTED, STAYS}}},
        {"ERROR", {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS}, {"ERROR", REJECTED, STAYS}}},
        {"BEGIN", {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS}, {"BEGIN", "", CLOSED}}},
        {"others while it waits for DATA",
         {{"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS},
          {"AUTH DBUS_COOKIE_SHA1 30", ERROR("Sent AUTH while another AUTH in progress"), STAYS},
          {"NEGOTIATE_UNIX_FD", ERROR("Need to authenticate first"), STAYS},
          {"BOGUS", ERROR("Unknown command"), STAYS},
          {"\x80", ERROR("Command contained non-ASCII"), STAYS},
          {"@RIGHT@", OK, STAYS}}},
        {"anonymous",
         {{"AUTH ANONYMOUS", OK, STAYS},
          {"NEGOTIATE_UNIX_FD", "AGREE_UNIX_FD\r\n", STAYS},
          {"CANCEL", REJECTED, STAYS},
          {"AUTH ANONYMOUS 68656c6c6f", OK, STAYS},
          {"AUTH", ERROR("Sent AUTH while expecting BEGIN"), STAYS},
          {"BEGIN", "", BEGUN}}},
        {"anonymous, UTF-8", {{"AUTH ANONYMOUS c3a9", OK, STAYS}}},
        {"anonymous, no UTF-8", {{"AUTH ANONYMOUS fffe", REJECTED, STAYS}}},
        {"anonymous, nul byte", {{"AUTH ANONYMOUS 610062", REJECTED, STAYS}}},
        {"anonymous, no hex",
         {{"AUTH ANONYMOUS zz", ERROR("Invalid hex encoding"), STAYS},
          {"DATA", ERROR("Not currently in an auth conversation"), STAYS}}},
        {"six wrong ones",
         {{"AUTH DBUS_COOKIE_SHA1 31", REJECTED, STAYS},
          {"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS},
          {"@WRONG@", REJECTED, STAYS},
          {"AUTH DBUS_COOKIE_SHA1 30", DATA, STAYS},
          {"CANCEL", REJECTED, STAYS},
          {"AUTH DBUS_COOKIE_SHA1 6e6f626f6479", REJECTED, STAYS},
          {"AUTH ANONYMOUS ff", REJECTED, STAYS},
          {"AUTH DBUS_COOKIE_SHA1 6e6f626f6479", REJECTED, CLOSED}}},
};

/* printf '%s' 00112233445566778899aabbccddeeff:abc:$COOKIE | sha1sum */
#define HASH "dd642dbcf0b1e6c06dc4b4fcef40b199be790588"
#define UPPER_HASH "DD642DBCF0B1E6C06DC4B4FCEF40B199BE790588"
#define WRONG_HASH "dd642dbcf0b1e6c06dc4b4fcef40b199be790580"
#define SHORT_HASH "dd642dbcf0b1e6c06dc4b4fcef40b199be79058"

static const struct {
        const char *mark;
        const char *text;
} responses[] = {
        {"@RIGHT@", "abc " HASH},       {"@TAB@", "abc\t" HASH},
        {"@BLANKS@", "abc  \t" HASH},   {"@BEHIND@", "abc " HASH " "},
        {"@EMPTY@", " " HASH},          {"@SHORT@", "abc " SHORT_HASH},
        {"@UPPER@", "abc " UPPER_HASH}, {"@WRONG@", "abc " WRONG_HASH},
};

static SaslOptions make_options(void)
{
        return (SaslOptions){.served = ~0u,
                             .guid = GUID,
                             .may_pass_fds = true,
                             .has_peer_uid = true,
                             .peer_uid = 0,
                             .bus_uid = 0};
}

static SaslAnswer make_answer(const SaslQuestion *question)
{
        bool own = question->user[0] == '\0' || strcmp(question->user, "root") == 0;

        return (SaslAnswer){.available = true,
                            .granted = own,
                            .cookie_id = 565379871,
                            .cookie = COOKIE,
                            .challenge = CHALLENGE};
}

/* Fills in what the line stands for. */
static Text expand(const char *line, char *buffer)
{
        char *end = buffer;

        for (size_t i = 0; i < ARRAY_SIZE(responses); i++) {
                if (strcmp(line, responses[i].mark) != 0)
                        continue;
                end += sprintf(end, "DATA ");
                for (const char *p = responses[i].text; *p; p++)
                        end += sprintf(end, "%02x", (unsigned char)*p);
                return (Text){.data = buffer, .size = (size_t)(end - buffer)};
        }
        return text_from(line);
}

static void say(Sasl *sasl, Text line, const char *reply, Outcome outcome)
{
        static const SaslResult results[] = {
                [STAYS] = SASL_CONTINUE, [BEGUN] = SASL_AUTHENTIC, [CLOSED] = SASL_CLOSE};
        char buffer[SASL_REPLY_MAX + 1];
        size_t size;
        SaslResult result = sasl_handle_line(sasl, line, buffer, &size);

        if (result == SASL_WAIT) {
                SaslAnswer answer = make_answer(sasl_get_question(sasl));

                assert_int_equal(size, 0);
                assert_int_equal(sasl->state, SASL_WAITING_FOR_ANSWER);
                result = sasl_take_answer(sasl, &answer, buffer, &size);
        }
        assert_int_equal(result, results[outcome]);
        buffer[size] = '\0';
        assert_string_equal(buffer, reply);
}

static void test_sasl_cookies_talks_as_reference(void **state)
{
        SaslOptions options = make_options();
        char buffer[512];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(talks); i++) {
                const Exchange *exchange = talks[i].exchanges;
                Sasl sasl;

                sasl_init(&sasl, &options);
                for (; exchange < talks[i].exchanges + EXCHANGES_MAX && exchange->outcome;
                     exchange++) {
                        print_message("%s: %s\n", talks[i].name, exchange->line);
                        say(&sasl, expand(exchange->line, buffer), exchange->reply,
                            exchange->outcome);
                }
                sasl_deinit(&sasl);
        }
}

/* A cookie proves to be the bus's user, whoever the socket says it is; ANONYMOUS nobody. */
static void test_sasl_cookies_who_it_is(void **state)
{
        SaslOptions options = make_options();
        char buffer[512];
        Sasl sasl;

        (void)state;
        options.peer_uid = 1000;
        sasl_init(&sasl, &options);
        say(&sasl, TEXT("AUTH DBUS_COOKIE_SHA1 30"), DATA, STAYS);
        say(&sasl, expand("@RIGHT@", buffer), OK, STAYS);
        assert_int_equal(sasl.uid, 0);
        say(&sasl, TEXT("CANCEL"), REJECTED, STAYS);
        say(&sasl, TEXT("AUTH ANONYMOUS"), OK, STAYS);
        assert_int_equal(sasl.uid, SASL_NO_UID);
        say(&sasl, TEXT("CANCEL"), REJECTED, STAYS);
        say(&sasl, TEXT("AUTH EXTERNAL 31303030"), OK, STAYS);
        assert_int_equal(sasl.uid, 1000);
}

/* Where the keyring cannot be used the mechanism is gone, also from the list. */
static void test_sasl_cookies_unavailable_is_not_listed(void **state)
{
        static const SaslAnswer unavailable = {.granted = true, .cookie = "ab"};
        SaslOptions options = make_options();
        char buffer[SASL_REPLY_MAX + 1];
        size_t size;
        Sasl sasl;

        (void)state;
        sasl_init(&sasl, &options);
        assert_int_equal(sasl_handle_line(&sasl, TEXT("AUTH DBUS_COOKIE_SHA1 30"), buffer, &size),
                         SASL_WAIT);
        assert_int_equal(sasl_take_answer(&sasl, &unavailable, buffer, &size), SASL_CONTINUE);
        buffer[size] = '\0';
        assert_string_equal(buffer, "REJECTED EXTERNAL ANONYMOUS\r\n");
        say(&sasl, TEXT("AUTH DBUS_COOKIE_SHA1 30"), "REJECTED EXTERNAL ANONYMOUS\r\n", STAYS);
        options.served = SASL_MECHANISM_EXTERNAL;
        sasl_init(&sasl, &options);
        say(&sasl, TEXT("AUTH DBUS_COOKIE_SHA1 30"), "REJECTED EXTERNAL\r\n", STAYS);
        say(&sasl, TEXT("AUTH ANONYMOUS"), "REJECTED EXTERNAL\r\n", STAYS);
}

/* An answer that makes no sense grants nothing. */
static void test_sasl_cookies_bad_answers_are_rejections(void **state)
{
        SaslOptions options = make_options();
        SaslAnswer answers[4];
        char buffer[SASL_REPLY_MAX + 1];
        size_t size;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                Sasl sasl;

                sasl_init(&sasl, &options);
                assert_int_equal(
                        sasl_handle_line(&sasl, TEXT("AUTH DBUS_COOKIE_SHA1 30"), buffer, &size),
                        SASL_WAIT);
                answers[i] = make_answer(sasl_get_question(&sasl));
                if (i == 0)
                        answers[i].cookie[0] = '\0';
                else if (i == 1)
                        memset(answers[i].cookie, 'a', sizeof(answers[i].cookie));
                else if (i == 2)
                        answers[i].challenge[4] = '\0';
                else
                        answers[i].cookie_id = -1;
                assert_int_equal(sasl_take_answer(&sasl, &answers[i], buffer, &size),
                                 SASL_CONTINUE);
                buffer[size] = '\0';
                assert_string_equal(buffer, REJECTED);
        }
}

/* Nothing of a cookie stays in the machine once it is not needed any more. */
static void test_sasl_cookies_secrets_are_wiped(void **state)
{
        static const char *const ends[] = {"@RIGHT@", "@WRONG@", "CANCEL"};
        SaslOptions options = make_options();
        char buffer[512];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
                Sasl sasl;

                sasl_init(&sasl, &options);
                say(&sasl, TEXT("AUTH DBUS_COOKIE_SHA1 30"), DATA, STAYS);
                assert_non_null(memmem(&sasl, sizeof(sasl), COOKIE, 8));
                say(&sasl, expand(ends[i], buffer), i == 0 ? OK : REJECTED, STAYS);
                assert_null(memmem(&sasl, sizeof(sasl), COOKIE, 8));
                assert_null(memmem(&sasl, sizeof(sasl), CHALLENGE, 8));
        }
}

/* The name as long as it may be, one byte longer, and the longest line. */
static void test_sasl_cookies_long_claims_and_responses(void **state)
{
        static char line[SASL_LINE_MAX];
        static const char head[] = "AUTH DBUS_COOKIE_SHA1 ";
        SaslOptions options = make_options();
        char buffer[SASL_REPLY_MAX];
        size_t size;
        Sasl sasl;

        (void)state;
        memset(line, '6', sizeof(line));
        memcpy(line, head, sizeof(head) - 1);
        size = sizeof(head) - 1 + 2 * SASL_USER_MAX;
        sasl_init(&sasl, &options);
        assert_int_equal(sasl_handle_line(&sasl, (Text){line, size}, buffer, &size), SASL_WAIT);
        assert_int_equal(strlen(sasl_get_question(&sasl)->user), SASL_USER_MAX);
        sasl_init(&sasl, &options);
        size = sizeof(head) - 1 + 2 * SASL_USER_MAX + 2;
        say(&sasl, (Text){line, size}, REJECTED, STAYS);
        say(&sasl, TEXT("AUTH DBUS_COOKIE_SHA1 30"), DATA, STAYS);
        memcpy(line, "DATA ", 5);
        memset(line + 5, '6', sizeof(line) - 5);
        say(&sasl, (Text){line, sizeof(line)}, REJECTED, STAYS);
        memcpy(line, "AUTH ANONYMOUS ", 15);
        memset(line + 15, '6', sizeof(line) - 15);
        say(&sasl, (Text){line, sizeof(line) - 1}, OK, STAYS);
}

/* FIPS 180-1's "abc" cannot be had with colons in it; these are sha1sum's. */
static void test_sasl_cookies_hash_is_sha1(void **state)
{
        char hex[SHA1_HEX_SIZE + 1];

        (void)state;
        sha1_hex_of_three(TEXT(CHALLENGE), TEXT("abc"), TEXT(COOKIE), hex);
        assert_string_equal(hex, HASH);
        sha1_hex_of_three(TEXT(""), TEXT(""), TEXT(""), hex);
        assert_string_equal(hex, "f62e0ea6edbc4288ff84c8da24f410ecf986229d");
        assert_true(sha1_equal_secrets(TEXT("ab"), TEXT("ab")));
        assert_false(sha1_equal_secrets(TEXT("ab"), TEXT("ac")));
        assert_false(sha1_equal_secrets(TEXT("ab"), TEXT("abc")));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sasl_cookies_talks_as_reference),
                cmocka_unit_test(test_sasl_cookies_who_it_is),
                cmocka_unit_test(test_sasl_cookies_unavailable_is_not_listed),
                cmocka_unit_test(test_sasl_cookies_bad_answers_are_rejections),
                cmocka_unit_test(test_sasl_cookies_secrets_are_wiped),
                cmocka_unit_test(test_sasl_cookies_long_claims_and_responses),
                cmocka_unit_test(test_sasl_cookies_hash_is_sha1),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
