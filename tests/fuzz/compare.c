/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparison with libdbus. It judges a message by dbus_message_demarshal_bytes_needed(), which
 * looks at the fixed part only, and dbus_message_demarshal(), which checks everything.
 */

#include "tests/fuzz/compare.h"

#include "broker/base/text.h"
#include "proto/body.h"
#include "proto/frame.h"
#include "proto/header.h"
#include "proto/signature.h"
#include "proto/stamp.h"
#include "proto/syntax.h"
#include "proto/utf8.h"

#include <dbus/dbus.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum Verdict {
        VERDICT_VALID,
        VERDICT_INVALID,
        VERDICT_INCOMPLETE,
} Verdict;

/* What ringbus thinks of a message. */
typedef struct Opinion {
        Verdict verdict;
        FrameResult frame_result;
        HeaderResult header_result;
        BodyResult body_result;
        Header header; /* valid only with VERDICT_VALID; its frame unless frame_result is bad */
} Opinion;

static const char *verdict_text(Verdict verdict)
{
        switch (verdict) {
        case VERDICT_VALID:
                return "valid";
        case VERDICT_INVALID:
                return "invalid";
        case VERDICT_INCOMPLETE:
                return "incomplete";
        }
        return "?";
}

_Noreturn static void disagree(const char *what, const uint8_t *data, size_t size)
{
        (void)fprintf(stderr, "disagreement: %s; %zu bytes:\n", what, size);
        for (size_t i = 0; i < size; i++)
                (void)fprintf(stderr, "%02x%s", data[i], i % 32 == 31 ? "\n" : "");
        (void)fputc('\n', stderr);
        abort();
}

static Opinion ask_ringbus(const uint8_t *data, size_t size)
{
        Opinion opinion = {.verdict = VERDICT_INVALID};
        Frame frame;

        opinion.frame_result = frame_cut(data, size, FRAME_SIZE_MAX, &frame);
        if (opinion.frame_result == FRAME_SHORT)
                opinion.verdict = VERDICT_INCOMPLETE;
        if (opinion.frame_result != FRAME_OK)
                return opinion;
        if (frame.size > size) {
                opinion.verdict = VERDICT_INCOMPLETE;
                return opinion;
        }
        opinion.header_result = header_parse(data, &frame, &opinion.header);
        if (opinion.header_result != HEADER_OK)
                return opinion;
        opinion.body_result = body_validate(data + frame.header_size, frame.body_size,
                                            opinion.header.signature, frame.big_endian);
        if (opinion.body_result == BODY_OK)
                opinion.verdict = VERDICT_VALID;
        return opinion;
}

static Verdict ask_libdbus(const uint8_t *data, size_t size, DBusMessage **ret_message)
{
        int needed = dbus_message_demarshal_bytes_needed((const char *)data, (int)size);

        *ret_message = NULL;
        if (needed < 0)
                return VERDICT_INVALID;
        if (needed == 0 || (size_t)needed > size)
                return VERDICT_INCOMPLETE;
        *ret_message = dbus_message_demarshal((const char *)data, needed, NULL);
        return *ret_message ? VERDICT_VALID : VERDICT_INVALID;
}

static bool same_text(const char *theirs, Text ours)
{
        if (!theirs || !ours.data)
                return !theirs && !ours.data;
        return strlen(theirs) == ours.size && memcmp(theirs, ours.data, ours.size) == 0;
}

/* The name of the first header field that differs, or NULL. */
static const char *different_field(DBusMessage *theirs, const Header *ours)
{
        const Frame *frame = &ours->frame;

        if (dbus_message_get_type(theirs) != frame->type)
                return "type";
        if (dbus_message_get_serial(theirs) != frame->serial)
                return "serial";
        if (dbus_message_get_reply_serial(theirs) != ours->reply_serial)
                return "reply serial";
        if (dbus_message_get_no_reply(theirs) != !!(frame->flags & FRAME_FLAG_NO_REPLY_EXPECTED))
                return "flag NO_REPLY_EXPECTED";
        if (dbus_message_get_auto_start(theirs) != !(frame->flags & FRAME_FLAG_NO_AUTO_START))
                return "flag NO_AUTO_START";
        if (dbus_message_get_allow_interactive_authorization(theirs) !=
            !!(frame->flags & FRAME_FLAG_ALLOW_INTERACTIVE_AUTHORIZATION))
                return "flag ALLOW_INTERACTIVE_AUTHORIZATION";
        if (!same_text(dbus_message_get_path(theirs), ours->path))
                return "path";
        if (!same_text(dbus_message_get_interface(theirs), ours->interface))
                return "interface";
        if (!same_text(dbus_message_get_member(theirs), ours->member))
                return "member";
        if (!same_text(dbus_message_get_error_name(theirs), ours->error_name))
                return "error name";
        if (!same_text(dbus_message_get_destination(theirs), ours->destination))
                return "destination";
        if (!same_text(dbus_message_get_sender(theirs), ours->sender))
                return "sender";
        if (!same_text(dbus_message_get_signature(theirs), ours->signature))
                return "signature";
        return NULL;
}

/* Whether the top-level arguments have the same types, and the same text where they are text. */
static bool same_args(DBusMessage *theirs, const uint8_t *body, const Header *ours)
{
        BodyArg args[BODY_ARGS_MAX];
        unsigned n_args = body_read_args(body, ours->frame.body_size, ours->signature,
                                         ours->frame.big_endian, BODY_ARGS_MAX, args);
        DBusMessageIter iter;

        dbus_message_iter_init(theirs, &iter);
        for (unsigned i = 0; i < n_args; i++) {
                int type = dbus_message_iter_get_arg_type(&iter);
                int expected = type == DBUS_TYPE_STRUCT ? '(' : type;
                const char *text = NULL;

                if (args[i].type != expected)
                        return false;
                if (type == DBUS_TYPE_STRING || type == DBUS_TYPE_OBJECT_PATH)
                        dbus_message_iter_get_basic(&iter, &text);
                if (!same_text(text, args[i].text))
                        return false;
                dbus_message_iter_next(&iter);
        }
        return n_args == BODY_ARGS_MAX ||
               dbus_message_iter_get_arg_type(&iter) == DBUS_TYPE_INVALID;
}

/* The stamped message: by the plan where there is one, and by stamp_write(), which must agree. */
static size_t stamp_message(const uint8_t *data, const Header *header, Text sender, uint8_t *out)
{
        uint32_t size = stamp_size(data, header, sender);
        size_t position = 0;
        StampPlan plan;

        stamp_write(data, header, sender, out);
        if (stamp_plan(data, header, sender, &plan)) {
                if (plan.header_size != size)
                        disagree("size of plan", data, header->frame.size);
                for (unsigned i = 0; i < plan.n_runs; i++) {
                        if (memcmp(out + position, plan.runs[i].iov_base, plan.runs[i].iov_len) !=
                            0)
                                disagree("plan against write", data, header->frame.size);
                        position += plan.runs[i].iov_len;
                }
                if (position != size)
                        disagree("runs of plan", data, header->frame.size);
        }
        memcpy(out + size, data + header->frame.header_size, header->frame.body_size);
        return size + header->frame.body_size;
}

/* libdbus must read the stamped message, with the new sender and all else as it was. */
static void compare_stamped(const uint8_t *data, const Header *header)
{
        const Text sender = TEXT(":1.4294967295");
        uint8_t *stamped = malloc((size_t)header->frame.size + 64);
        DBusMessage *message;
        Header expected = *header;
        const char *field;
        Opinion opinion;
        size_t size;

        if (!stamped)
                abort();
        size = stamp_message(data, header, sender, stamped);
        if (ask_libdbus(stamped, size, &message) != VERDICT_VALID)
                disagree("stamped message is not valid", data, header->frame.size);
        expected.sender = sender;
        field = different_field(message, &expected);
        if (field)
                disagree(field, stamped, size);
        opinion = ask_ringbus(stamped, size);
        if (opinion.verdict != VERDICT_VALID || opinion.header.n_stripped != 1)
                disagree("stamped message has other fields to strip", data, header->frame.size);
        dbus_message_unref(message);
        free(stamped);
}

/*
 * Disagreement 1. What libdbus waits for the rest of is refused on its fixed part alone: type 0,
 * a version other than 1, serial 0, or a field array above the limit that libdbus knows for arrays
 * but compares only when the message is complete.
 */
static bool is_refused_early(const uint8_t *data, const Opinion *ours, Verdict theirs)
{
        bool big_endian = data[0] == 'B';

        if (ours->verdict != VERDICT_INVALID || theirs != VERDICT_INCOMPLETE)
                return false;
        return data[1] == 0 || data[3] != 1 || frame_load_u32(data + 8, big_endian) == 0 ||
               frame_load_u32(data + 12, big_endian) > DBUS_MAXIMUM_ARRAY_LENGTH;
}

/*
 * Disagreement 2. dbus_message_demarshal() has no fds to give, so that it refuses any message that
 * has UNIX_FDS above 0. The same message with UNIX_FDS 0 is put before it.
 */
static uint8_t *copy_without_fds(const uint8_t *data, const Header *header)
{
        static const uint8_t prefix[4] = {HEADER_FIELD_UNIX_FDS, 1, 'u', 0};
        uint8_t *copy = malloc(header->frame.size);

        if (!copy)
                abort();
        memcpy(copy, data, header->frame.size);
        for (size_t i = FRAME_FIXED_SIZE; i + 8 <= header->frame.header_size; i += 8) {
                if (memcmp(copy + i, prefix, sizeof(prefix)) == 0 &&
                    frame_load_u32(copy + i + 4, header->frame.big_endian) == header->n_unix_fds)
                        memset(copy + i + 4, 0, 4);
        }
        return copy;
}

static void compare_valid(const uint8_t *data, const Header *header, DBusMessage *message)
{
        const char *field = different_field(message, header);

        if (field)
                disagree(field, data, header->frame.size);
        if (!same_args(message, data + header->frame.header_size, header))
                disagree("arguments", data, header->frame.size);
        compare_stamped(data, header);
}

CompareOutcome compare_message(const uint8_t *data, size_t size)
{
        Opinion ours = ask_ringbus(data, size);
        DBusMessage *message;
        Verdict theirs = ask_libdbus(data, size, &message);
        char what[128];

        if (is_refused_early(data, &ours, theirs))
                return COMPARE_EARLY;
        if (ours.verdict == VERDICT_VALID && ours.header.n_unix_fds > 0 &&
            theirs == VERDICT_INVALID) {
                uint8_t *copy = copy_without_fds(data, &ours.header);

                compare_message(copy, ours.header.frame.size);
                free(copy);
                return COMPARE_UNIX_FDS;
        }
        if (ours.verdict != theirs) {
                (void)snprintf(what, sizeof(what), "ringbus %s (%s, %s, %s), libdbus %s",
                               verdict_text(ours.verdict), frame_result_text(ours.frame_result),
                               header_result_text(ours.header_result),
                               body_result_text(ours.body_result), verdict_text(theirs));
                disagree(what, data, size);
        }
        if (message) {
                compare_valid(data, &ours.header, message);
                dbus_message_unref(message);
        }
        return ours.verdict == VERDICT_VALID     ? COMPARE_VALID
               : ours.verdict == VERDICT_INVALID ? COMPARE_INVALID
                                                 : COMPARE_INCOMPLETE;
}

void compare_text(const char *text)
{
        Text ours = text_from(text);
        const struct {
                const char *what;
                bool theirs, ours;
        } verdicts[] = {
                {"UTF-8", dbus_validate_utf8(text, NULL), utf8_is_valid(text, ours.size)},
                {"signature", dbus_signature_validate(text, NULL), signature_is_valid(ours)},
                {"single signature", dbus_signature_validate_single(text, NULL),
                 signature_is_single(ours)},
                {"path", dbus_validate_path(text, NULL), syntax_is_object_path(ours)},
                {"interface", dbus_validate_interface(text, NULL), syntax_is_interface(ours)},
                {"member", dbus_validate_member(text, NULL), syntax_is_member(ours)},
                {"error name", dbus_validate_error_name(text, NULL), syntax_is_error_name(ours)},
                {"bus name", dbus_validate_bus_name(text, NULL), syntax_is_bus_name(ours)},
        };

        for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
                if (verdicts[i].theirs != verdicts[i].ours)
                        disagree(verdicts[i].what, (const uint8_t *)text, ours.size);
        }
}
