/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's side of SASL, as one table: state and command give a step; sasl_mechanisms.c has the
 * mechanisms. All replies are byte for byte those of dbus-daemon 1.14 (tests/unit/test_sasl.c holds
 * the transcripts).
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
 * AUTH DBUS_COOKIE_SHA1 goes from WAITING_FOR_AUTH by WAITING_FOR_ANSWER, in which no line is
 * handled, to WAITING_FOR_DATA or REJECTED. An ERROR never changes the state
 * and is not counted.
 */

#include "auth/sasl.h"

#include "auth/sasl_private.h"
#include "broker/base/assert.h"

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

void sasl_append(SaslReply *reply, Text text)
{
        ASSERT(text.size <= SASL_REPLY_MAX - reply->size);
        memcpy(reply->data + reply->size, text.data, text.size);
        reply->size += text.size;
}

SaslResult sasl_error(SaslReply *reply, const char *error)
{
        sasl_append(reply, TEXT("ERROR \""));
        sasl_append(reply, text_from(error));
        sasl_append(reply, TEXT("\"\r\n"));
        return SASL_CONTINUE;
}

void sasl_enter(Sasl *sasl, SaslState state)
{
        ASSERT(sasl->state != SASL_AUTHENTICATED && sasl->state != SASL_ENDED);
        ASSERT(state != SASL_AUTHENTICATED || sasl->state == SASL_WAITING_FOR_BEGIN);
        ASSERT(state != SASL_WAITING_FOR_ANSWER || sasl->state == SASL_WAITING_FOR_AUTH);
        ASSERT(state != SASL_WAITING_FOR_DATA || sasl->state == SASL_WAITING_FOR_AUTH ||
               sasl->state == SASL_WAITING_FOR_ANSWER);
        sasl->state = state;
}

/* The mechanisms that a client may choose here. */
static unsigned offered_mechanisms(const Sasl *sasl)
{
        return sasl->options.allowed & sasl->options.served;
}

SaslResult sasl_reject(Sasl *sasl, SaslReply *reply)
{
        sasl_append(reply, TEXT("REJECTED"));
        for (size_t i = 0; i < ARRAY_SIZE(mechanisms); i++) {
                if (!(mechanisms[i].bit & offered_mechanisms(sasl)))
                        continue;
                sasl_append(reply, TEXT(" "));
                sasl_append(reply, mechanisms[i].name);
        }
        sasl_append(reply, TEXT("\r\n"));

        sasl->mechanism = 0;
        explicit_bzero(&sasl->challenged, sizeof(sasl->challenged));
        sasl->n_rejections++;
        if (sasl->n_rejections >= SASL_REJECTIONS_MAX) {
                sasl_enter(sasl, SASL_ENDED);
                return SASL_CLOSE;
        }
        sasl_enter(sasl, SASL_WAITING_FOR_AUTH);
        return SASL_CONTINUE;
}

/* Cuts the first word and the blanks behind it off `text`. */
static Text take_word(Text *text)
{
        Text word = {.data = text->data, .size = 0};

        while (word.size < text->size && !sasl_is_blank(text->data[word.size]))
                word.size++;
        text->data += word.size;
        text->size -= word.size;
        while (text->size > 0 && sasl_is_blank(text->data[0])) {
                text->data++;
                text->size--;
        }
        return word;
}

static SaslResult handle_auth(Sasl *sasl, Text arguments, SaslReply *reply)
{
        Text name = take_word(&arguments);
        unsigned chosen = 0;

        for (size_t i = 0; i < ARRAY_SIZE(mechanisms); i++)
                if (text_equal(name, mechanisms[i].name))
                        chosen = mechanisms[i].bit & offered_mechanisms(sasl);
        if (!chosen)
                return sasl_reject(sasl, reply);
        return sasl_mechanisms_handle(sasl, chosen, arguments, reply);
}

static SaslResult handle_negotiate(Sasl *sasl, SaslReply *reply)
{
        if (!sasl->options.may_pass_fds)
                return sasl_error(reply, "Unix FD passing not supported, not authenticated or "
                                         "otherwise not possible");
        sasl->passes_fds = true;
        sasl_append(reply, TEXT("AGREE_UNIX_FD\r\n"));
        return SASL_CONTINUE;
}

static SaslResult take_step(Sasl *sasl, const Step *step, Text arguments, SaslReply *reply)
{
        switch (step->action) {
        case ACTION_ERROR:
                return sasl_error(reply, step->error);
        case ACTION_REJECT:
                return sasl_reject(sasl, reply);
        case ACTION_CLOSE:
                sasl_enter(sasl, SASL_ENDED);
                return SASL_CLOSE;
        case ACTION_AUTH:
                return handle_auth(sasl, arguments, reply);
        case ACTION_DATA:
                return sasl_mechanisms_handle(sasl, sasl->mechanism, arguments, reply);
        case ACTION_BEGIN:
                sasl_enter(sasl, SASL_AUTHENTICATED);
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

void sasl_deinit(Sasl *sasl)
{
        explicit_bzero(&sasl->challenged, sizeof(sasl->challenged));
}

SaslResult sasl_handle_line(Sasl *sasl, Text line, char *reply, size_t *ret_size)
{
        SaslReply writer = {.data = reply, .size = 0};
        const Step *step;
        SaslResult result;

        ASSERT(sasl->state <= SASL_WAITING_FOR_BEGIN);
        if (!is_ascii(line)) {
                result = sasl_error(&writer, "Command contained non-ASCII");
        } else {
                step = &steps[sasl->state][find_command(take_word(&line))];
                result = take_step(sasl, step, line, &writer);
        }
        *ret_size = writer.size;
        return result;
}

const SaslQuestion *sasl_get_question(const Sasl *sasl)
{
        ASSERT(sasl->state == SASL_WAITING_FOR_ANSWER);
        return &sasl->question;
}

SaslResult sasl_take_answer(Sasl *sasl, const SaslAnswer *answer, char *reply, size_t *ret_size)
{
        SaslReply writer = {.data = reply, .size = 0};
        SaslResult result;

        ASSERT(sasl->state == SASL_WAITING_FOR_ANSWER);
        result = sasl_mechanisms_go_on(sasl, answer, &writer);
        *ret_size = writer.size;
        return result;
}
