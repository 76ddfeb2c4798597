/* SPDX-License-Identifier: Apache-2.0 */
/* What strangers say. */
#include "bench/load/intrusion.h"

#include "auth/sasl.h"

#define WORDS(literal) .words = (literal), .size = sizeof(literal) - 1
/* EXTERNAL without a claim: right for whoever runs it. */
#define OPENING "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"
/* A uid that nobody has, in hex: 4294967290. */
#define WRONG "AUTH EXTERNAL 34323934393637323930\r\n"
/* A call of Hello, little endian, serial 1. */
#define HELLO                                                                                      \
        "l\1\0\1\0\0\0\0\1\0\0\0\x6e\0\0\0"                                                        \
        "\1\1o\0\x15\0\0\0/org/freedesktop/DBus\0\0\0"                                             \
        "\6\1s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0"                                            \
        "\2\1s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0"                                            \
        "\3\1s\0\5\0\0\0Hello\0\0\0"

static const IntrusionScript scripts[INTRUSION_KINDS] = {
        [INTRUSION_VANISH] = {WORDS("\0"), .end = INTRUSION_LEAVES},
        [INTRUSION_SILENT] = {WORDS(""), .end = INTRUSION_STAYS},
        [INTRUSION_HALF] = {WORDS("\0AUTH EXTERNAL\r\n"), .end = INTRUSION_STAYS},
        [INTRUSION_SHARE] = {WORDS("\0AUTH EXTERNAL\r\n"), .end = INTRUSION_STAYS,
                             .is_foreign = true},
        [INTRUSION_TRICKLE] = {WORDS(OPENING), .end = INTRUSION_STAYS, .trickles = true},
        [INTRUSION_NOHELLO] = {WORDS(OPENING), .end = INTRUSION_STAYS},
        [INTRUSION_LONG] = {WORDS("\0"), .n_padding = SASL_LINE_MAX + 1, .end = INTRUSION_STAYS},
        [INTRUSION_REJECT] = {WORDS("\0" WRONG WRONG WRONG WRONG WRONG WRONG),
                              .end = INTRUSION_STAYS},
        [INTRUSION_NUL] = {WORDS("\0AUTH EXTERNAL\0\r\n\0BEGIN\r\nAU\0TH\r\n"),
                           .end = INTRUSION_READS},
        [INTRUSION_EIGHT] = {WORDS("\0\xff\xfe\r\nAUTH \xc3\xa4\r\n\x80\x81\x82\r\n"),
                             .end = INTRUSION_READS},
        [INTRUSION_FDS] = {WORDS(OPENING HELLO), .end = INTRUSION_READS, .n_fds = 16},
};

const char *intrusion_name(IntrusionKind kind)
{
        static const char *const names[] = {
#define INTRUSION_NAME(kind, name, text) name,
                INTRUSION_LIST(INTRUSION_NAME)
#undef INTRUSION_NAME
        };

        return names[kind];
}

const char *intrusion_text(IntrusionKind kind)
{
        static const char *const texts[] = {
#define INTRUSION_TEXT(kind, name, text) text,
                INTRUSION_LIST(INTRUSION_TEXT)
#undef INTRUSION_TEXT
        };

        return texts[kind];
}

const IntrusionScript *intrusion_script(IntrusionKind kind)
{
        return &scripts[kind];
}
