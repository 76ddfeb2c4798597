/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SASL machine against transcripts of the reference.
 *
 * All conversations but those marked otherwise were recorded from dbus-daemon 1.14.10 (Debian 12)
 * running as uid 0 with <auth>EXTERNAL</auth>, over a raw socket; only the guid was replaced.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "auth/sasl.h"
#include "broker/base/assert.h"

#define GUID "79f934d19de63af17d9116c96b0333ec"
#define OK "OK " GUID "\r\n"
#define REJECTED "REJECTED EXTERNAL\r\n"
#define ERROR(text) "ERROR \"" text "\"\r\n"
#define UNKNOWN ERROR("Unknown command")
#define NOT_HEX ERROR("Invalid hex encoding")
#define NOT_YET ERROR("Need to authenticate first")
#define NO_TALK ERROR("Not currently in an auth conversation")
#define NOT_ASCII ERROR("Command contained non-ASCII")

/* What a line leads to, besides the reply. */
typedef enum Outcome {
        END_OF_TALK,
        STAYS,  /* the connection goes on */
        BEGUN,  /* authenticated, messages follow */
        CLOSED, /* by the server, behind the reply if there is one */
} Outcome;

typedef struct Exchange {
        const char *line;
        const char *reply;
        Outcome outcome;
} Exchange;

enum { EXCHANGES_MAX = 16 };

typedef struct Talk {
        const char *name;
        Exchange exchanges[EXCHANGES_MAX];
} Talk;

static SaslOptions make_options(uid_t peer_uid)
{
        return (SaslOptions){
                .served = SASL_MECHANISM_EXTERNAL,
                .guid = GUID,
                .may_pass_fds = true,
                .has_peer_uid = true,
                .peer_uid = peer_uid,
        };
}

static void say(Sasl *sasl, Text line, const char *reply, Outcome outcome)
{
        static const SaslResult results[] = {
                [STAYS] = SASL_CONTINUE, [BEGUN] = SASL_AUTHENTIC, [CLOSED] = SASL_CLOSE};
        char buffer[SASL_REPLY_MAX + 1];
        size_t size;

        assert_int_equal(sasl_handle_line(sasl, line, buffer, &size), results[outcome]);
        assert_true(size <= SASL_REPLY_MAX);
        buffer[size] = '\0';
        assert_string_equal(buffer, reply);
}

static void hold_talk(const SaslOptions *options, const Talk *talk)
{
        Sasl sasl;

        sasl_init(&sasl, options);
        for (size_t i = 0; i < EXCHANGES_MAX && talk->exchanges[i].outcome != END_OF_TALK; i++) {
                const Exchange *exchange = &talk->exchanges[i];

                print_message("%s: %s\n", talk->name, exchange->line);
                say(&sasl, text_from(exchange->line), exchange->reply, exchange->outcome);
        }
}

static void hold_talks(const SaslOptions *options, const Talk *talks, size_t n)
{
        for (size_t i = 0; i < n; i++)
                hold_talk(options, &talks[i]);
}

/* One line to a new connection. */
static const Exchange first_lines[] = {
        {"AUTH", REJECTED, STAYS},
        {"AUTH ", REJECTED, STAYS},
        {"CANCEL", NO_TALK, STAYS},
        {"DATA", NO_TALK, STAYS},
        {"DATA 30", NO_TALK, STAYS},
        {"BEGIN", "", CLOSED},
        {"BEGIN now", "", CLOSED},
        {"ERROR", REJECTED, STAYS},
        {"ERROR \"x\"", REJECTED, STAYS},
        {"NEGOTIATE_UNIX_FD", NOT_YET, STAYS},
        {"NEGOTIATE_UNIX_FD x", NOT_YET, STAYS},
        {"REJECTED", UNKNOWN, STAYS},
        {"OK", UNKNOWN, STAYS},
        {"AGREE_UNIX_FD", UNKNOWN, STAYS},
        {"BOGUS", UNKNOWN, STAYS},
        {"", UNKNOWN, STAYS},
        {" AUTH EXTERNAL 30", UNKNOWN, STAYS},
        {"auth EXTERNAL 30", UNKNOWN, STAYS},
        {"AUTHx", UNKNOWN, STAYS},
        {"A\nB", UNKNOWN, STAYS},
        {"A\rB", UNKNOWN, STAYS},
        {"AUTH external 30", REJECTED, STAYS},
        {"AUTH EXTERNALx 30", REJECTED, STAYS},
        {"AUTH BONGO_MD5", REJECTED, STAYS},
        {"AUTH KERBEROS_V4 30", REJECTED, STAYS},
        {"AUTH DBUS_COOKIE_SHA1 30", REJECTED, STAYS},
        {"AUTH ANONYMOUS", REJECTED, STAYS},
        {"AUTH EXTERNAL", "DATA\r\n", STAYS},
        {"AUTH EXTERNAL 30", OK, STAYS},
        {"AUTH EXTERNAL  30", OK, STAYS},
        {"AUTH\tEXTERNAL\t30", OK, STAYS},
        {"AUTH EXTERNAL 3", OK, STAYS}, /* half a byte counts as its high half */
        {"AUTH EXTERNAL 31", REJECTED, STAYS},
        {"AUTH EXTERNAL 726f6f74", REJECTED, STAYS}, /* "root" */
        {"AUTH EXTERNAL aF", REJECTED, STAYS},
        {"AUTH EXTERNAL 3020", REJECTED, STAYS},
        {"AUTH EXTERNAL 300a", REJECTED, STAYS},
        {"AUTH EXTERNAL 3000", REJECTED, STAYS},
        {"AUTH EXTERNAL 2d31", REJECTED, STAYS},                 /* "-1" */
        {"AUTH EXTERNAL 34323934393637323935", REJECTED, STAYS}, /* 2^32 - 1: nobody */
        {"AUTH EXTERNAL 34323934393637323936", REJECTED, STAYS}, /* 2^32 */
        {"AUTH EXTERNAL 333333333", REJECTED, STAYS},
        {"AUTH EXTERNAL 30 ", NOT_HEX, STAYS},
        {"AUTH EXTERNAL 30 30", NOT_HEX, STAYS},
        {"AUTH EXTERNAL willy", NOT_HEX, STAYS},
        {"AUTH EXTERNAL 0x30", NOT_HEX, STAYS},
        {"AUTH EXTERNAL 30AUTH EXTERNAL 30", NOT_HEX, STAYS},
        {"AUTH EXTERNAL \x80", NOT_ASCII, STAYS},
        {"\x80", NOT_ASCII, STAYS},
        /* Here the reference says OK: strtoul(…, 0) takes more than a decimal uid for 0. */
        {"AUTH EXTERNAL 3030", REJECTED, STAYS},   /* "00" */
        {"AUTH EXTERNAL 307830", REJECTED, STAYS}, /* "0x0" */
        {"AUTH EXTERNAL 2030", REJECTED, STAYS},   /* " 0" */
        {"AUTH EXTERNAL 2b30", REJECTED, STAYS},   /* "+0" */
        {"AUTH EXTERNAL 2d30", REJECTED, STAYS},   /* "-0" */
};

static const Talk talks[] = {
        {"data: AUTH",
         {{"AUTH EXTERNAL", "DATA\r\n", STAYS},
          {"AUTH", ERROR("Sent AUTH while another AUTH in progress"), STAYS},
          {"AUTH EXTERNAL 30", ERROR("Sent AUTH while another AUTH in progress"), STAYS},
          {"NEGOTIATE_UNIX_FD", NOT_YET, STAYS},
          {"REJECTED", UNKNOWN, STAYS},
          {"OK", UNKNOWN, STAYS},
          {"AGREE_UNIX_FD", UNKNOWN, STAYS},
          {"BOGUS", UNKNOWN, STAYS},
          {"", UNKNOWN, STAYS},
          {"DATA", OK, STAYS}}},
        {"data: CANCEL",
         {{"AUTH EXTERNAL", "DATA\r\n", STAYS},
          {"CANCEL", REJECTED, STAYS},
          {"NEGOTIATE_UNIX_FD", NOT_YET, STAYS}}},
        {"data: ERROR",
         {{"AUTH EXTERNAL", "DATA\r\n", STAYS},
          {"ERROR", REJECTED, STAYS},
          {"DATA", NO_TALK, STAYS}}},
        {"data: BEGIN", {{"AUTH EXTERNAL", "DATA\r\n", STAYS}, {"BEGIN", "", CLOSED}}},
        {"data: own uid",
         {{"AUTH EXTERNAL", "DATA\r\n", STAYS},
          {"DATA 30", OK, STAYS},
          {"NEGOTIATE_UNIX_FD", "AGREE_UNIX_FD\r\n", STAYS}}},
        {"data: two blanks", {{"AUTH EXTERNAL", "DATA\r\n", STAYS}, {"DATA  30", OK, STAYS}}},
        {"data: half a byte", {{"AUTH EXTERNAL", "DATA\r\n", STAYS}, {"DATA 3", OK, STAYS}}},
        {"data: other uid",
         {{"AUTH EXTERNAL", "DATA\r\n", STAYS},
          {"DATA 31", REJECTED, STAYS},
          {"NEGOTIATE_UNIX_FD", NOT_YET, STAYS}}},
        {"data: login name",
         {{"AUTH EXTERNAL", "DATA\r\n", STAYS},
          {"DATA 726f6f74", REJECTED, STAYS},
          {"NEGOTIATE_UNIX_FD", NOT_YET, STAYS}}},
        {"data: not hex",
         {{"AUTH EXTERNAL", "DATA\r\n", STAYS},
          {"DATA willy", NOT_HEX, STAYS},
          {"DATA 30 ", NOT_HEX, STAYS},
          {"DATA", OK, STAYS},
          {"NEGOTIATE_UNIX_FD", "AGREE_UNIX_FD\r\n", STAYS},
          {"CANCEL", REJECTED, STAYS},
          {"NEGOTIATE_UNIX_FD", NOT_YET, STAYS},
          {"AUTH EXTERNAL 30", OK, STAYS}}},
        {"begin",
         {{"AUTH EXTERNAL 30", OK, STAYS},
          {"AUTH", ERROR("Sent AUTH while expecting BEGIN"), STAYS},
          {"DATA", ERROR("Sent DATA while expecting BEGIN"), STAYS},
          {"REJECTED", UNKNOWN, STAYS},
          {"OK", UNKNOWN, STAYS},
          {"AGREE_UNIX_FD", UNKNOWN, STAYS},
          {"BOGUS", UNKNOWN, STAYS},
          {"", UNKNOWN, STAYS},
          {"\xff", NOT_ASCII, STAYS},
          {"NEGOTIATE_UNIX_FD x", "AGREE_UNIX_FD\r\n", STAYS},
          {"NEGOTIATE_UNIX_FD", "AGREE_UNIX_FD\r\n", STAYS},
          {"BEGIN", "", BEGUN}}},
        {"begin: with an argument", {{"AUTH EXTERNAL 30", OK, STAYS}, {"BEGIN x", "", BEGUN}}},
        {"begin: CANCEL",
         {{"AUTH EXTERNAL 30", OK, STAYS}, {"CANCEL", REJECTED, STAYS}, {"BEGIN", "", CLOSED}}},
        {"begin: ERROR", {{"AUTH EXTERNAL 30", OK, STAYS}, {"ERROR \"x\"", REJECTED, STAYS}}},
        {"bad hex, then right",
         {{"AUTH EXTERNAL willy", NOT_HEX, STAYS},
          {"DATA 30", NO_TALK, STAYS},
          {"AUTH EXTERNAL 30", OK, STAYS}}},
        {"six rejections",
         {{"AUTH", REJECTED, STAYS},
          {"AUTH", REJECTED, STAYS},
          {"AUTH", REJECTED, STAYS},
          {"AUTH", REJECTED, STAYS},
          {"AUTH", REJECTED, STAYS},
          {"AUTH", REJECTED, CLOSED}}},
        {"six rejections of all kinds",
         {{"AUTH EXTERNAL 31", REJECTED, STAYS},
          {"ERROR", REJECTED, STAYS},
          {"AUTH EXTERNAL 30", OK, STAYS},
          {"CANCEL", REJECTED, STAYS},
          {"AUTH EXTERNAL", "DATA\r\n", STAYS},
          {"CANCEL", REJECTED, STAYS},
          {"BOGUS", UNKNOWN, STAYS},
          {"AUTH X", REJECTED, STAYS},
          {"AUTH EXTERNAL 30", OK, STAYS},
          {"ERROR", REJECTED, CLOSED}}},
};

static void test_sasl_first_lines_as_reference(void **state)
{
        SaslOptions options = make_options(0);

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(first_lines); i++) {
                Talk talk = {.name = "first", .exchanges = {first_lines[i]}};

                hold_talk(&options, &talk);
        }
}

static void test_sasl_talks_as_reference(void **state)
{
        SaslOptions options = make_options(0);

        (void)state;
        hold_talks(&options, talks, ARRAY_SIZE(talks));
}

/* Recorded as the others; NUL cannot be in a C string. */
static void test_sasl_nul_in_line_is_an_error(void **state)
{
        SaslOptions options = make_options(0);
        Sasl sasl;

        (void)state;
        sasl_init(&sasl, &options);
        say(&sasl, TEXT("AUTH EXTER\0NAL"), NOT_ASCII, STAYS);
        say(&sasl, TEXT("AUTH EXTERNAL 30\0"), NOT_ASCII, STAYS);
        assert_int_equal(sasl.state, SASL_WAITING_FOR_AUTH);
        say(&sasl, TEXT("AUTH EXTERNAL 30"), OK, STAYS);
}

/* "1000" in hex; the claim of root is refused although it is root's bus that answers. */
static void test_sasl_other_peer_may_claim_itself_only(void **state)
{
        static const Talk talk = {"uid 1000",
                                  {{"AUTH EXTERNAL 30", REJECTED, STAYS},
                                   {"AUTH EXTERNAL 31303030", OK, STAYS},
                                   {"CANCEL", REJECTED, STAYS},
                                   {"AUTH EXTERNAL 313030", REJECTED, STAYS},
                                   {"AUTH EXTERNAL 3130303030", REJECTED, STAYS},
                                   {"AUTH EXTERNAL", "DATA\r\n", STAYS},
                                   {"DATA", OK, STAYS}}};
        SaslOptions options = make_options(1000);
        Sasl sasl;

        (void)state;
        hold_talk(&options, &talk);
        sasl_init(&sasl, &options);
        say(&sasl, TEXT("AUTH EXTERNAL 31303030"), OK, STAYS);
        assert_int_equal(sasl.uid, 1000);
        assert_false(sasl.passes_fds);
}

/* 4294967294, the largest uid there is. */
static void test_sasl_largest_uid_accepted(void **state)
{
        SaslOptions options = make_options(UINT32_MAX - 1);
        Sasl sasl;

        (void)state;
        sasl_init(&sasl, &options);
        say(&sasl, TEXT("AUTH EXTERNAL 34323934393637323934"), OK, STAYS);
        assert_int_equal(sasl.uid, UINT32_MAX - 1);
}

/* The order of the list is the reference's with <auth> for all three. */
static void test_sasl_rejected_lists_allowed_and_served(void **state)
{
        SaslOptions options = make_options(0);
        Sasl sasl;

        (void)state;
        options.served = ~0u;
        sasl_init(&sasl, &options);
        say(&sasl, TEXT("AUTH"), "REJECTED EXTERNAL DBUS_COOKIE_SHA1 ANONYMOUS\r\n", STAYS);

        options.allowed = SASL_MECHANISM_ANONYMOUS | SASL_MECHANISM_EXTERNAL;
        sasl_init(&sasl, &options);
        say(&sasl, TEXT("AUTH"), "REJECTED EXTERNAL ANONYMOUS\r\n", STAYS);

        options.served = SASL_MECHANISM_EXTERNAL;
        sasl_init(&sasl, &options);
        say(&sasl, TEXT("AUTH"), REJECTED, STAYS);

        options.allowed = SASL_MECHANISM_ANONYMOUS;
        sasl_init(&sasl, &options);
        say(&sasl, TEXT("AUTH EXTERNAL 30"), "REJECTED\r\n", STAYS);
        say(&sasl, TEXT("AUTH ANONYMOUS 30"), "REJECTED\r\n", STAYS);
}

/* The text is that of the reference's source (dbus/dbus-auth.c), for transports without fds. */
static void test_sasl_negotiate_without_fd_passing_is_an_error(void **state)
{
        SaslOptions options = make_options(0);
        Sasl sasl;

        (void)state;
        options.may_pass_fds = false;
        sasl_init(&sasl, &options);
        say(&sasl, TEXT("AUTH EXTERNAL 30"), OK, STAYS);
        say(&sasl, TEXT("NEGOTIATE_UNIX_FD"),
            ERROR("Unix FD passing not supported, not authenticated or otherwise not possible"),
            STAYS);
        say(&sasl, TEXT("BEGIN"), "", BEGUN);
        assert_false(sasl.passes_fds);
}

/* The longest line that a connection can hold, of each kind: nothing is kept of it. */
static void test_sasl_long_lines_handled(void **state)
{
        static char line[SASL_LINE_MAX];
        SaslOptions options = make_options(0);
        Sasl sasl;

        (void)state;
        sasl_init(&sasl, &options);
        memset(line, 'x', sizeof(line));
        say(&sasl, (Text){line, sizeof(line)}, UNKNOWN, STAYS);
        memcpy(line, "AUTH ", 5);
        say(&sasl, (Text){line, sizeof(line)}, REJECTED, STAYS);
        memset(line, '0', sizeof(line));
        memcpy(line, "AUTH EXTERNAL ", 14);
        say(&sasl, (Text){line, sizeof(line)}, REJECTED, STAYS);
        line[sizeof(line) - 1] = 'g';
        say(&sasl, (Text){line, sizeof(line)}, NOT_HEX, STAYS);
        memset(line, ' ', sizeof(line));
        memcpy(line, "AUTH EXTERNAL", 13);
        memcpy(line + sizeof(line) - 2, "30", 2);
        say(&sasl, (Text){line, sizeof(line)}, OK, STAYS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sasl_first_lines_as_reference),
                cmocka_unit_test(test_sasl_talks_as_reference),
                cmocka_unit_test(test_sasl_nul_in_line_is_an_error),
                cmocka_unit_test(test_sasl_other_peer_may_claim_itself_only),
                cmocka_unit_test(test_sasl_largest_uid_accepted),
                cmocka_unit_test(test_sasl_rejected_lists_allowed_and_served),
                cmocka_unit_test(test_sasl_negotiate_without_fd_passing_is_an_error),
                cmocka_unit_test(test_sasl_long_lines_handled),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
