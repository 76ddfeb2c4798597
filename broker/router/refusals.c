/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/refusals.h"

#include <stdarg.h>
#include <stdio.h>

#include "broker/base/clock.h"
#include "broker/base/log.h"
#include "broker/router/busmessage.h"

enum { LOGIN_MAX = 512 };

#define UNSET TEXT("(unset)")

typedef struct Login {
        char text[LOGIN_MAX];
        size_t size;
} Login;

__attribute__((format(printf, 2, 3))) static void append(Login *login, const char *format, ...)
{
        const size_t room = sizeof(login->text) - login->size;
        va_list args;
        int size;

        va_start(args, format);
        size = vsnprintf(login->text + login->size, room, format, args);
        va_end(args);
        if (size > 0)
                login->size += (size_t)size < room ? (size_t)size : room - 1;
}

/* Its process chose the bytes: what is not plain would break a line of the log, or a string that
 * has to be UTF-8. */
static void append_foreign(Login *login, const char *key, const char *data, size_t size)
{
        append(login, "%s%s=\"", login->size > 0 ? " " : "", key);
        for (size_t i = 0; i < size; i++) {
                const char c = data[i];

                append(login, "%c", c >= ' ' && c <= '~' && c != '"' && c != '\\' ? c : '?');
        }
        append(login, "\"");
}

/* Who is at the other end, as far as it is known. */
static void describe_login(const Endpoint *endpoint, const char *bus, Login *login)
{
        const Credentials *credentials = endpoint ? endpoint->credentials : NULL;

        *login = (Login){.size = 0};
        if (!endpoint) {
                append(login, "%s", bus);
                return;
        }
        if (endpoint->uid != CREDENTIALS_NO_UID)
                append(login, "uid=%u", (unsigned)endpoint->uid);
        if (!credentials)
                return;
        if (credentials->pid > 0)
                append(login, "%spid=%d", login->size > 0 ? " " : "", (int)credentials->pid);
        if (credentials->command[0] != '\0')
                append_foreign(login, "comm", credentials->command, strlen(credentials->command));
        if (credentials->security_label)
                append_foreign(login, "label", credentials->security_label,
                               credentials->security_label_size);
}

static const char *name_type(uint8_t type)
{
        static const char *const names[] = {"invalid", "method_call", "method_return", "error",
                                            "signal"};

        return type < ARRAY_SIZE(names) ? names[type] : names[0];
}

static Text text_or(Text text, Text otherwise)
{
        return text_present(text) ? text : otherwise;
}

void refusals_describe(Refusals *refusals, const RefusalsCase *what)
{
        const Header *header = what->header;
        const Text interface = text_or(header->interface, UNSET);
        const Text member = text_or(header->member, UNSET);
        const Text error = text_or(header->error_name, UNSET);
        const Text destination = text_or(header->destination, BUSMESSAGE_BUS_NAME);
        const Text sender = what->sender && what->sender->unique_name_size > 0
                                    ? endpoint_name(what->sender)
                                    : UNSET;
        char matches[48] = "";
        Login from, to;

        if (what->counts_matches)
                snprintf(matches, sizeof(matches), ", %u matched rules", what->n_matches);
        describe_login(what->sender, "(bus)", &from);
        describe_login(what->recipient, "bus", &to);
        snprintf(refusals->text, sizeof(refusals->text),
                 "%s%s; type=\"%s\", sender=\"%.*s\" (%s) interface=\"%.*s\" "
                 "member=\"%.*s\" error name=\"%.*s\" requested_reply=\"%d\" "
                 "destination=\"%.*s\" (%s)",
                 what->complaint, matches, name_type(header->frame.type), TEXT_FORMAT(sender),
                 from.text, TEXT_FORMAT(interface), TEXT_FORMAT(member), TEXT_FORMAT(error),
                 what->requested_reply, TEXT_FORMAT(destination), to.text);
}

bool refusals_may_log(Refusals *refusals)
{
        const uint64_t now_ns = clock_now_ns();

        if (now_ns >= refusals->period_end_ns) {
                refusals->period_end_ns = now_ns + REFUSALS_PERIOD_NS;
                refusals->n_lines = 0;
        }
        if (refusals->n_lines >= REFUSALS_LINES_MAX) {
                refusals->n_suppressed++;
                return false;
        }
        refusals->n_lines++;
        return true;
}

void refusals_write(Refusals *refusals, const char *text)
{
        if (refusals->n_suppressed > 0)
                log_warning("%s (and %llu lines of this kind were left out before)", text,
                            (unsigned long long)refusals->n_suppressed);
        else
                log_warning("%s", text);
        refusals->n_suppressed = 0;
}

void refusals_log(Refusals *refusals, const char *text)
{
        if (refusals_may_log(refusals))
                refusals_write(refusals, text);
}
