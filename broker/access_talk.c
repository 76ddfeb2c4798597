/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See access_talk.h.
 *
 * EXTERNAL is tried twice: with this account's uid, as libdbus and GDBus do, and if that is refused
 * without a claim, as sd-bus does. Only the second gets in where something forwards the connection:
 * then the bus sees the credentials of the forwarder, and we are its user.
 */

#include "broker/access_talk.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/access_cookie.h"
#include "broker/access_report.h"
#include "broker/base/assert.h"
#include "proto/body.h"
#include "proto/header.h"
#include "proto/writer.h"

enum {
        LINE_SIZE = 4096,
        MESSAGE_SIZE_MAX = 64 * 1024,
        GUID_SIZE = 32,
        MESSAGES_MAX = 16, /* before a reply: NameAcquired, and whatever else */
        SERIAL_HELLO = 1,
        SERIAL_USER = 2,
};

/* Owner: access_talk(). */
typedef struct Talk {
        const AccessTalk *given;
        FILE *out;
        char line[LINE_SIZE];
        bool is_forwarded; /* we got in as somebody else */
        bool is_anonymous;
        char name[256]; /* our unique name */
        _Alignas(8) uint8_t message[MESSAGE_SIZE_MAX];
} Talk;

typedef enum Answer { ANSWER_OK, ANSWER_REJECTED, ANSWER_OTHER, ANSWER_NONE } Answer;

static const char *describe_end(ssize_t n)
{
        if (n == 0)
                return "the bus closed the connection";
        if (errno == EAGAIN)
                return "the bus did not answer in time";
        return strerror(errno);
}

static bool say(const Talk *talk, const void *data, size_t size)
{
        return send(talk->given->fd, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static bool say_line(const Talk *talk, const char *line)
{
        char whole[ACCESS_COOKIE_LINE_MAX + 2];
        int size = snprintf(whole, sizeof(whole), "%s\r\n", line);

        ASSERT(size > 0 && (size_t)size < sizeof(whole));
        return say(talk, whole, (size_t)size);
}

/* A line without CRLF into talk->line; byte by byte, for messages may follow. NULL, or how it
 * ended. */
static const char *hear_line(Talk *talk)
{
        size_t size = 0;

        while (size + 1 < sizeof(talk->line)) {
                ssize_t n = recv(talk->given->fd, talk->line + size, 1, 0);

                if (n <= 0)
                        return describe_end(n);
                size++;
                if (size >= 2 && memcmp(talk->line + size - 2, "\r\n", 2) == 0) {
                        talk->line[size - 2] = '\0';
                        return NULL;
                }
        }
        return "the other end speaks, but not D-Bus";
}

static void explain_silence(Talk *talk, const char *how)
{
        access_report_refusal(talk->out, "handshake", "%s", how);
        access_report_remedy(talk->out,
                             "the log of the bus says why it closes connections; one that does not "
                             "answer may have reached max_incomplete_connections, and on nonce-tcp "
                             "the nonce may be that of an earlier bus");
}

static bool begins(const char *line, const char *word)
{
        const size_t size = strlen(word);

        return strncmp(line, word, size) == 0 && (line[size] == '\0' || line[size] == ' ');
}

static void compare_guid(const Talk *talk)
{
        Text promised = talk->given->guid;
        const char *guid = talk->line + 3;

        if (!text_present(promised) || strlen(guid) < GUID_SIZE)
                return;
        if (promised.size != GUID_SIZE || memcmp(promised.data, guid, GUID_SIZE) != 0)
                access_report_step(talk->out, "handshake",
                                   "note: the bus has the guid %s, the address says %.*s: it is "
                                   "another bus than the one that printed the address",
                                   guid, TEXT_FORMAT(promised));
}

/* Says one command and hears what comes of it. */
static Answer ask(Talk *talk, const char *command)
{
        const char *end = say_line(talk, command) ? hear_line(talk) : describe_end(-1);

        if (end) {
                explain_silence(talk, end);
                return ANSWER_NONE;
        }
        access_report_step(talk->out, "handshake", "said \"%s\", heard \"%s\"", command,
                           talk->line);
        if (begins(talk->line, "OK")) {
                compare_guid(talk);
                return ANSWER_OK;
        }
        return begins(talk->line, "REJECTED") ? ANSWER_REJECTED : ANSWER_OTHER;
}

static bool offers(const char *rejected, const char *mechanism)
{
        const char *at = strstr(rejected, mechanism);

        return at && begins(at, mechanism);
}

/* Refused by all that was tried; the last REJECTED is in talk->line. */
static void explain_rejection(Talk *talk)
{
        if (talk->given->is_tcp && offers(talk->line, "DBUS_COOKIE_SHA1")) {
                access_report_refusal(talk->out, "handshake",
                                      "over TCP this bus wants DBUS_COOKIE_SHA1: proof that the "
                                      "client can read the cookies of the user of the bus");
                access_report_remedy(talk->out,
                                     "clients of that user, with the same ~/.dbus-keyrings, get "
                                     "in; for others use unix:");
                return;
        }
        if (talk->given->is_tcp) {
                access_report_refusal(talk->out, "handshake",
                                      "over TCP the bus cannot see who connects, and offers no "
                                      "mechanism that this account could use");
                access_report_remedy(talk->out, "connect over unix:, or have the bus offer "
                                                "DBUS_COOKIE_SHA1 in its configuration (<auth>)");
                return;
        }
        access_report_refusal(talk->out, "handshake",
                              "the bus does not believe that this is uid %u, and has no other "
                              "mechanism for it",
                              (unsigned)geteuid());
        access_report_remedy(talk->out,
                             "the bus compares the claim with what the kernel says of the process "
                             "that connected: is this process in a container or user namespace of "
                             "its own, or does the configuration leave EXTERNAL out?");
}

/* EXTERNAL without a claim: whoever the kernel says. */
static Answer ask_without_claim(Talk *talk)
{
        Answer answer = ask(talk, "AUTH EXTERNAL");

        if (answer == ANSWER_OTHER && begins(talk->line, "DATA"))
                answer = ask(talk, "DATA");
        talk->is_forwarded = answer == ANSWER_OK;
        return answer;
}

/* A mechanism with this account's uid as the claim. */
static Answer ask_as_myself(Talk *talk, const char *mechanism)
{
        char command[64];
        char uid[16];
        int size = snprintf(command, sizeof(command), "AUTH %s ", mechanism);

        snprintf(uid, sizeof(uid), "%u", (unsigned)geteuid());
        for (const char *digit = uid; *digit; digit++)
                size += snprintf(command + size, 3, "%02hhx", (unsigned char)*digit);
        return ask(talk, command);
}

/* DBUS_COOKIE_SHA1; without an answer to the challenge it is cancelled, for another one. */
static Answer ask_with_cookie(Talk *talk)
{
        char line[ACCESS_COOKIE_LINE_MAX];
        Answer answer = ask_as_myself(talk, "DBUS_COOKIE_SHA1");

        if (answer != ANSWER_OTHER || !begins(talk->line, "DATA") || talk->line[4] != ' ')
                return answer;
        if (!access_cookie_answer(talk->line + 5, line, talk->out))
                return ask(talk, "CANCEL");
        return ask(talk, line);
}

static bool authenticate(Talk *talk)
{
        Answer answer;

        if (!say(talk, "", 1)) {
                explain_silence(talk, describe_end(-1));
                return false;
        }
        answer = talk->given->is_tcp ? ask(talk, "AUTH") : ask_as_myself(talk, "EXTERNAL");
        if (answer == ANSWER_REJECTED && offers(talk->line, "EXTERNAL") && !talk->given->is_tcp)
                answer = ask_without_claim(talk);
        if (answer == ANSWER_REJECTED && offers(talk->line, "DBUS_COOKIE_SHA1"))
                answer = ask_with_cookie(talk);
        if (answer == ANSWER_REJECTED && offers(talk->line, "ANONYMOUS")) {
                answer = ask(talk, "AUTH ANONYMOUS");
                talk->is_anonymous = true;
        }
        if (answer == ANSWER_OK)
                return true;
        if (answer == ANSWER_OTHER)
                explain_silence(talk, "not an answer of a D-Bus bus");
        if (answer == ANSWER_REJECTED)
                explain_rejection(talk);
        return false;
}

static bool send_call(Talk *talk, const char *member, uint32_t serial, const char *argument)
{
        WriterHeader header = {
                .type = FRAME_TYPE_METHOD_CALL,
                .serial = serial,
                .path = TEXT("/org/freedesktop/DBus"),
                .interface = TEXT("org.freedesktop.DBus"),
                .member = text_from(member),
                .destination = TEXT("org.freedesktop.DBus"),
                .signature = argument ? TEXT("s") : TEXT_NONE,
        };
        Writer writer;
        size_t size;

        writer_begin(&writer, talk->message, sizeof(talk->message), &header);
        if (argument)
                writer_string(&writer, text_from(argument));
        return writer_finish(&writer, &size) == 0 && say(talk, talk->message, size);
}

/* One message into talk->message. NULL, or how it ended. */
static const char *hear_message(Talk *talk, Header *ret_header)
{
        const int fd = talk->given->fd;
        Frame frame;
        ssize_t n = recv(fd, talk->message, FRAME_FIXED_SIZE, MSG_WAITALL);

        if (n < FRAME_FIXED_SIZE)
                return describe_end(n > 0 ? 0 : n);
        if (frame_cut(talk->message, FRAME_FIXED_SIZE, MESSAGE_SIZE_MAX, &frame) != FRAME_OK)
                return "what the bus says is no message";
        if (frame.size > FRAME_FIXED_SIZE) {
                const size_t rest = frame.size - FRAME_FIXED_SIZE;

                n = recv(fd, talk->message + FRAME_FIXED_SIZE, rest, MSG_WAITALL);
                if (n < (ssize_t)rest)
                        return describe_end(n > 0 ? 0 : n);
        }
        if (header_parse(talk->message, &frame, ret_header) != HEADER_OK ||
            body_validate(talk->message + frame.header_size, frame.body_size, ret_header->signature,
                          frame.big_endian) != BODY_OK)
                return "what the bus says is no message";
        return NULL;
}

/* The reply to `serial`. NULL, or how it ended. */
static const char *hear_reply(Talk *talk, uint32_t serial, Header *ret_header)
{
        for (unsigned i = 0; i < MESSAGES_MAX; i++) {
                const char *end = hear_message(talk, ret_header);

                if (end)
                        return end;
                if (ret_header->reply_serial == serial)
                        return NULL;
        }
        return "no reply";
}

/* The first argument of the message, if it is a text. */
static Text read_text(const Talk *talk, const Header *header)
{
        BodyArg argument = {0};

        body_read_args(talk->message + header->frame.header_size, header->frame.body_size,
                       header->signature, header->frame.big_endian, 1, &argument);
        return argument.text;
}

static void explain_refused_hello(Talk *talk, const Header *header)
{
        const Text what = read_text(talk, header);

        access_report_refusal(talk->out, "Hello", "%.*s: %.*s", TEXT_FORMAT(header->error_name),
                              TEXT_FORMAT(what));
        access_report_remedy(talk->out, "LimitsExceeded: the bus is full, or this user's share of "
                                        "it; anything else: see the bus's policy and log");
}

static bool greet(Talk *talk)
{
        static const char named[] =
                "a session bus admits only the user who started it: use this account's own bus, or "
                "run the program as that user; a system bus follows the policy of its "
                "configuration "
                "(user=, group=); the log of the bus names the refusal";
        static const char anonymous[] =
                "anonymous clients get in only where the configuration says <allow_anonymous/>, "
                "which opens the bus to whoever reaches it; use unix:, or DBUS_COOKIE_SHA1";
        Header header;
        const char *end = NULL;
        Text name;

        if (!say_line(talk, "BEGIN") || !send_call(talk, "Hello", SERIAL_HELLO, NULL))
                end = "the bus closed the connection";
        if (!end)
                end = hear_reply(talk, SERIAL_HELLO, &header);
        if (end) {
                access_report_refusal(talk->out, "Hello", "%s: %s", end,
                                      talk->is_anonymous
                                              ? "anonymous clients are not let in"
                                              : "who this is was believed, but not let in");
                access_report_remedy(talk->out, "%s", talk->is_anonymous ? anonymous : named);
                return false;
        }
        if (header.frame.type == FRAME_TYPE_ERROR) {
                explain_refused_hello(talk, &header);
                return false;
        }
        name = read_text(talk, &header);
        snprintf(talk->name, sizeof(talk->name), "%.*s", TEXT_FORMAT(name));
        access_report_step(talk->out, "Hello", "ok, the bus calls this connection %s", talk->name);
        return true;
}

/* Whom the bus takes us for. */
static void tell_identity(Talk *talk)
{
        Header header;
        uint32_t uid;

        if (!send_call(talk, "GetConnectionUnixUser", SERIAL_USER, talk->name) ||
            hear_reply(talk, SERIAL_USER, &header) != NULL)
                return;
        if (header.frame.type != FRAME_TYPE_METHOD_RETURN || header.frame.body_size != 4) {
                access_report_step(talk->out, "identity",
                                   "the bus knows no user for this "
                                   "connection: it is anonymous");
                return;
        }
        uid = frame_load_u32(talk->message + header.frame.header_size, header.frame.big_endian);
        access_report_step(talk->out, "identity", "the bus takes this connection for uid %u", uid);
        if (talk->is_forwarded)
                access_report_step(talk->out, "identity",
                                   "note: as uid %u it was refused. Something of uid %u forwards "
                                   "this connection (socat, ssh): whoever reaches it acts as uid "
                                   "%u, and clients that claim their own uid, as libdbus does, are "
                                   "refused",
                                   (unsigned)geteuid(), uid, uid);
}

bool access_talk(const AccessTalk *given)
{
        Talk talk = {.given = given, .out = given->out};

        if (!authenticate(&talk) || !greet(&talk))
                return false;
        tell_identity(&talk);
        return true;
}
