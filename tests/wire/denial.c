/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/denial.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A rule to deny with an interface or member matches messages that have none, so each says which
 * type it is about. */
const char denial_policy[] =
        "<policy context=\"default\">"
        "<deny send_type=\"method_call\" send_interface=\"t.Denied\"/>"
        "<deny receive_type=\"method_call\" receive_interface=\"t.Deaf\"/>"
        "<deny send_type=\"method_return\"/>"
        "<deny send_destination=\"t.Guarded\" send_type=\"method_call\" "
        "send_interface=\"t.Guard\"/>"
        "<deny send_destination_prefix=\"t.area\" send_type=\"method_call\" "
        "send_interface=\"t.Area\"/>"
        "<deny send_destination=\"t.Guarded\" send_type=\"signal\" send_interface=\"t.I\"/>"
        "<deny receive_sender=\"t.Unheard\" receive_type=\"signal\" receive_interface=\"t.I\"/>"
        "<deny send_type=\"signal\" send_broadcast=\"true\" send_interface=\"t.Quiet\"/>"
        "<deny send_type=\"method_call\" send_interface=\"t.Fds\" min_fds=\"2\"/>"
        "<deny receive_type=\"method_call\" receive_interface=\"t.Secret\" eavesdrop=\"true\"/>"
        "<deny send_destination=\"org.freedesktop.DBus\" send_type=\"method_call\" "
        "send_interface=\"org.freedesktop.DBus\" send_member=\"ListActivatableNames\"/>"
        "<deny receive_sender=\"org.freedesktop.DBus\" receive_type=\"signal\" "
        "receive_interface=\"org.freedesktop.DBus\" receive_member=\"NameLost\"/>"
        "<allow send_type=\"method_call\" send_interface=\"t.Noted\" log=\"true\"/>"
        "<deny own=\"t.Forbidden\"/>"
        "<deny own_prefix=\"t.forbidden\"/>"
        "</policy>";

int denial_start(void **state)
{
        return scene_start_with(state, denial_policy);
}

static const char *or_unset(const char *text)
{
        return text ? text : "(unset)";
}

/* Passes `words` at the beginning of *text. */
static void pass(const char **text, const char *words, const char *at)
{
        const size_t size = strlen(words);

        if (strncmp(*text, words, size) != 0) {
                print_error("%s: the text goes on with\n  %s\ninstead of\n  %s\n", at, *text,
                            words);
                fail();
        }
        *text += size;
}

/* Passes what is said of this process, which is at both ends. */
static void pass_login(const char **text, const char *at)
{
        char words[64];
        const char *end;

        snprintf(words, sizeof(words), "(uid=%u pid=%d comm=\"", (unsigned)getuid(), (int)getpid());
        pass(text, words, at);
        end = strstr(*text, "\"");
        assert_non_null(end);
        *text = end + 1;
        if (strncmp(*text, " label=\"", 8) == 0) {
                end = strstr(*text + 8, "\"");
                assert_non_null(end);
                *text = end + 1;
        }
        pass(text, ")", at);
}

void denial_expect_at(RawClient *client, uint32_t serial, const Denial *denial, const char *at)
{
        const RawMessage *error = expect_error_at(client, serial, "AccessDenied", NULL, at);
        char words[512];
        const char *text;

        assert_true(rawmessage_read(error, "s", &text));
        snprintf(words, sizeof(words),
                 "Rejected %s message, %u matched rules; type=\"%s\", sender=\"%s\" ",
                 denial->receiving ? "receive" : "send", denial->n_matches ? denial->n_matches : 2,
                 denial->type ? denial->type : "method_call", denial->sender->unique_name);
        pass(&text, words, at);
        pass_login(&text, at);
        snprintf(words, sizeof(words),
                 " interface=\"%s\" member=\"%s\" error name=\"(unset)\" requested_reply=\"0\" "
                 "destination=\"%s\" ",
                 or_unset(denial->interface), or_unset(denial->member), denial->destination);
        pass(&text, words, at);
        if (denial->to_bus)
                pass(&text, "(bus)", at);
        else
                pass_login(&text, at);
        assert_string_equal(text, "");
}

unsigned denial_count_lines(const Scene *scene, const char *words)
{
        char path[160], line[4096];
        unsigned n = 0;
        FILE *file;

        snprintf(path, sizeof(path), "%s/log", scene->bus.directory);
        file = fopen(path, "re");
        assert_non_null(file);
        while (fgets(line, sizeof(line), file))
                n += strstr(line, words) != NULL;
        fclose(file);
        return n;
}
