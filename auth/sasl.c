/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's side of SASL, as one table: state and command give a step. All replies are byte for
 * byte those of dbus-daemon 1.14 (tests/unit/test_sasl.c holds the transcripts).
 *
 *                 AUTH EXTERNAL <right uid>
 *      WAITING_FOR_AUTH ------------------------> WAITING_FOR_BEGIN --BEGIN--> AUTHENTICATED
 *        |    ^    | AUTH EXTERNAL                    ^   |
 *        |    |    `--------> WAITING_FOR_DATA --DATA-'   |
 *        |    |                      |                    |
 *        |    `----- REJECTED -------+--------------------'
 *        |                           |
 *        `----- BEGIN too early -----+-> ENDED <- the sixth REJECTED, from any state
 *
 * An ERROR never changes the state and is not counted.
 *
 * Stricter than the reference, which reads the claimed uid with strtoul(…, 0): only the decimal
 * form without sign, blanks and leading zeros is a uid here ("0x0", "00", "-0", " 0" are not).
 */

#include "auth/sasl.h"

#include "broker/base/assert.h"

/* Longest uid in decimal, and one byte more to notice that something is longer. */
enum { CLAIM_MAX = sizeof("4294967295") };

typedef enum Command {
        COMMAND_AUTH,
        COMMAND_CANCEL,
        COMMAND_DATA,
        COMMAND_BEGIN,
        COMMAND_ERROR,
        COMMAND_NEGOTIATE_UNIX_FD,
        COMMAND_UNKNOWN, /* the server's own commands too */
        N_COMMANDS,
} Command;

static const Text command_names[N_COMMANDS] = {
        [COMMAND_AUTH] = {"AUTH", 4},   [COMMAND_CANCEL] = {"CANCEL", 6},
        [COMMAND_DATA] = {"DATA", 4},   [COMMAND_BEGIN] = {"BEGIN", 5},
        [COMMAND_ERROR] = {"ERROR", 5}, [COMMAND_NEGOTIATE_UNIX_FD] = {"NEGOTIATE_UNIX_FD", 17},
        [COMMAND_UNKNOWN] = {NULL, 0},
};

/* In the order in which REJECTED lists them. */
static const struct {
        unsigned bit;
        Text name;
} mechanisms[] = {
        {SASL_MECHANISM_EXTERNAL, {"EXTERNAL", 8}},
        {SASL_MECHANISM_COOKIE_SHA1, {"DBUS_COOKIE_SHA1", 16}},
        {SASL_MECHANISM_ANONYMOUS, {"ANONYMOUS", 9}},
};

/* The reply under construction. */
typedef struct Reply {
        char *data; /* SASL_REPLY_MAX bytes */
        size_t size;
} Reply;

typedef enum Action {
        ACTION_ERROR, /* say so and stay */
        ACTION_REJECT,
        ACTION_CLOSE,
        ACTION_AUTH,
        ACTION_DATA,
        ACTION_BEGIN,
        ACTION_NEGOTIATE,
} Action;

typedef struct Step {
        Action action;
        const char *error; /* of ACTION_ERROR */
} Step;

static void reply_append(Reply *reply, Text text)
{
        ASSERT(text.size <= SASL_REPLY_MAX - reply->size);
        memcpy(reply->data + reply->size, text.data, text.size);
        reply->size += text.size;
}

static SaslResult reply_error(Reply *reply, const char *error)
{
        reply_append(reply, TEXT("ERROR \""));
        reply_append(reply, text_from(error));
        reply_append(reply, TEXT("\"\r\n"));
        return SASL_CONTINUE;
}

static void enter_state(Sasl *sasl, SaslState state)
{
        ASSERT(sasl->state != SASL_AUTHENTICATED && sasl->state != SASL_ENDED);
        ASSERT(state != SASL_AUTHENTICATED || sasl->state == SASL_WAITING_FOR_BEGIN);
        ASSERT(state != SASL_WAITING_FOR_DATA || sasl->state == SASL_WAITING_FOR_AUTH);
        sasl->state = state;
}

/* The mechanisms that a client may choose here. */
static unsigned offered_mechanisms(const Sasl *sasl)
{
        return sasl->options.allowed & sasl->options.served;
}

/* Ends the attempt, not the connection, unless it was one too many. */
static SaslResult reject(Sasl *sasl, Reply *reply)
{
        reply_append(reply, TEXT("REJECTED"));
        for (size_t i = 0; i < ARRAY_SIZE(mechanisms); i++) {
                if (!(mechanisms[i].bit & offered_mechanisms(sasl)))
                        continue;
                reply_append(reply, TEXT(" "));
                reply_append(reply, mechanisms[i].name);
        }
        reply_append(reply, TEXT("\r\n"));

        sasl->mechanism = 0;
        sasl->n_rejections++;
        if (sasl->n_rejections >= SASL_REJECTIONS_MAX) {
                enter_state(sasl, SASL_ENDED);
                return SASL_CLOSE;
        }
        enter_state(sasl, SASL_WAITING_FOR_AUTH);
        return SASL_CONTINUE;
}

static SaslResult accept_as(Sasl *sasl, uid_t uid, Reply *reply)
{
        sasl->uid = uid;
        reply_append(reply, TEXT("OK "));
        reply_append(reply, text_from(sasl->options.guid));
        reply_append(reply, TEXT("\r\n"));
        enter_state(sasl, SASL_WAITING_FOR_BEGIN);
        return SASL_CONTINUE;
}

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

/* Cuts the first word and the blanks behind it off `text`. */
static Text take_word(Text *text)
{
        Text word = {.data = text->data, .size = 0};

        while (word.size < text->size && !is_blank(text->data[word.size]))
                word.size++;
        text->data += word.size;
        text->size -= word.size;
        while (text->size > 0 && is_blank(text->data[0])) {
                text->data++;
                text->size--;
        }
        return word;
}

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/*
 * Decodes all of `hex`, of which at most CLAIM_MAX bytes are kept: whatever is longer is no uid. A
 * single last digit counts as the high half of a byte, as in the reference. False: not hex.
 */
static bool decode_claim(Text hex, char *ret_claim, size_t *ret_size)
{
        unsigned char claim[CLAIM_MAX] = {0};
        size_t size = 0;

        for (size_t i = 0; i < hex.size; i++) {
                int value = hex_value(hex.data[i]);

                if (value < 0)
                        return false;
                if (i / 2 >= CLAIM_MAX)
                        continue;
                claim[i / 2] |= (unsigned char)(i % 2 == 0 ? value << 4 : value);
                size = i / 2 + 1;
        }
        memcpy(ret_claim, claim, size);
        *ret_size = size;
        return true;
}

static bool parse_uid(const char *claim, size_t size, uid_t *ret_uid)
{
        uint64_t uid = 0;

        if (size == 0 || size >= CLAIM_MAX || (size > 1 && claim[0] == '0'))
                return false;
        for (size_t i = 0; i < size; i++) {
                if (claim[i] < '0' || claim[i] > '9')
                        return false;
                uid = uid * 10 + (uint64_t)(claim[i] - '0');
        }
        if (uid >= UINT32_MAX) /* (uid_t)-1 is nobody */
                return false;
        *ret_uid = (uid_t)uid;
        return true;
}

/*
 * EXTERNAL: the client claims a uid, which must be the one that the kernel reports of it. No claim
 * is asked for once; none again means "whoever the kernel says".
 */
static SaslResult handle_external(Sasl *sasl, Text hex, Reply *reply)
{
        char claim[CLAIM_MAX];
        size_t claim_size;
        uid_t uid;

        if (!decode_claim(hex, claim, &claim_size))
                return reply_error(reply, "Invalid hex encoding");
        if (!sasl->options.has_peer_uid)
                return reject(sasl, reply);
        sasl->mechanism = SASL_MECHANISM_EXTERNAL;
        if (claim_size == 0) {
                if (sasl->state == SASL_WAITING_FOR_DATA)
                        return accept_as(sasl, sasl->options.peer_uid, reply);
                reply_append(reply, TEXT("DATA\r\n"));
                enter_state(sasl, SASL_WAITING_FOR_DATA);
                return SASL_CONTINUE;
        }
        if (!parse_uid(claim, claim_size, &uid) || uid != sasl->options.peer_uid)
                return reject(sasl, reply);
        return accept_as(sasl, uid, reply);
}

static SaslResult handle_auth(Sasl *sasl, Text arguments, Reply *reply)
{
        Text name = take_word(&arguments);
        bool offered = offered_mechanisms(sasl) & SASL_MECHANISM_EXTERNAL;

        if (!offered || !text_equal(name, TEXT("EXTERNAL")))
                return reject(sasl, reply);
        return handle_external(sasl, arguments, reply);
}

static SaslResult handle_negotiate(Sasl *sasl, Reply *reply)
{
        if (!sasl->options.may_pass_fds)
                return reply_error(reply, "Unix FD passing not supported, not authenticated or "
                                          "otherwise not possible");
        sasl->passes_fds = true;
        reply_append(reply, TEXT("AGREE_UNIX_FD\r\n"));
        return SASL_CONTINUE;
}

static SaslResult take_step(Sasl *sasl, const Step *step, Text arguments, Reply *reply)
{
        switch (step->action) {
        case ACTION_ERROR:
                return reply_error(reply, step->error);
        case ACTION_REJECT:
                return reject(sasl, reply);
        case ACTION_CLOSE:
                enter_state(sasl, SASL_ENDED);
                return SASL_CLOSE;
        case ACTION_AUTH:
                return handle_auth(sasl, arguments, reply);
        case ACTION_DATA:
                return handle_external(sasl, arguments, reply);
        case ACTION_BEGIN:
                enter_state(sasl, SASL_AUTHENTICATED);
                return SASL_AUTHENTIC;
        case ACTION_NEGOTIATE:
                return handle_negotiate(sasl, reply);
        }
        ASSERT_NOT_REACHED();
}

static const Step steps[SASL_WAITING_FOR_BEGIN + 1][N_COMMANDS] = {
        [SASL_WAITING_FOR_AUTH] =
                {
                        [COMMAND_AUTH] = {ACTION_AUTH, NULL},
                        [COMMAND_CANCEL] = {ACTION_ERROR, "Not currently in an auth conversation"},
                        [COMMAND_DATA] = {ACTION_ERROR, "Not currently in an auth conversation"},
                        [COMMAND_BEGIN] = {ACTION_CLOSE, NULL},
                        [COMMAND_ERROR] = {ACTION_REJECT, NULL},
                        [COMMAND_NEGOTIATE_UNIX_FD] = {ACTION_ERROR, "Need to authenticate first"},
                        [COMMAND_UNKNOWN] = {ACTION_ERROR, "Unknown command"},
                },
        [SASL_WAITING_FOR_DATA] =
                {
                        [COMMAND_AUTH] = {ACTION_ERROR, "Sent AUTH while another AUTH in progress"},
                        [COMMAND_CANCEL] = {ACTION_REJECT, NULL},
                        [COMMAND_DATA] = {ACTION_DATA, NULL},
                        [COMMAND_BEGIN] = {ACTION_CLOSE, NULL},
                        [COMMAND_ERROR] = {ACTION_REJECT, NULL},
                        [COMMAND_NEGOTIATE_UNIX_FD] = {ACTION_ERROR, "Need to authenticate first"},
                        [COMMAND_UNKNOWN] = {ACTION_ERROR, "Unknown command"},
                },
        [SASL_WAITING_FOR_BEGIN] =
                {
                        [COMMAND_AUTH] = {ACTION_ERROR, "Sent AUTH while expecting BEGIN"},
                        [COMMAND_CANCEL] = {ACTION_REJECT, NULL},
                        [COMMAND_DATA] = {ACTION_ERROR, "Sent DATA while expecting BEGIN"},
                        [COMMAND_BEGIN] = {ACTION_BEGIN, NULL},
                        [COMMAND_ERROR] = {ACTION_REJECT, NULL},
                        [COMMAND_NEGOTIATE_UNIX_FD] = {ACTION_NEGOTIATE, NULL},
                        [COMMAND_UNKNOWN] = {ACTION_ERROR, "Unknown command"},
                },
};

static Command find_command(Text name)
{
        for (unsigned i = 0; i < COMMAND_UNKNOWN; i++)
                if (text_equal(name, command_names[i]))
                        return (Command)i;
        return COMMAND_UNKNOWN;
}

/* ASCII without NUL: the rule for a line as a whole, whatever it says. */
static bool is_ascii(Text line)
{
        for (size_t i = 0; i < line.size; i++)
                if (line.data[i] == '\0' || (line.data[i] & 0x80))
                        return false;
        return true;
}

void sasl_init(Sasl *sasl, const SaslOptions *options)
{
        *sasl = (Sasl){.state = SASL_WAITING_FOR_AUTH, .options = *options};
        ASSERT(memchr(sasl->options.guid, '\0', sizeof(sasl->options.guid)));
        if (sasl->options.allowed == 0)
                sasl->options.allowed = ~0u;
}

SaslResult sasl_handle_line(Sasl *sasl, Text line, char *reply, size_t *ret_size)
{
        Reply writer = {.data = reply, .size = 0};
        const Step *step;
        SaslResult result;

        ASSERT(sasl->state <= SASL_WAITING_FOR_BEGIN);
        if (!is_ascii(line)) {
                result = reply_error(&writer, "Command contained non-ASCII");
        } else {
                step = &steps[sasl->state][find_command(take_word(&line))];
                result = take_step(sasl, step, line, &writer);
        }
        *ret_size = writer.size;
        return result;
}
