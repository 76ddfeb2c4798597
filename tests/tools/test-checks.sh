#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests tools/check-*: each must find what is wrong in a small bad tree, at the right line, and
# nothing in a good one.
#
# Usage: test-checks.sh [ranks|atomics|names|ceilings|format|scripts...]    (default: all)

set -euo pipefail
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/tools/lib.sh
source "$TOP/tests/tools/lib.sh"

test_ranks() {
        echo | put broker/base/list.h
        echo | put proto/frame.h
        echo | put broker/sync/inbox.h
        echo | put auth/sasl.h
        echo | put broker/message/message.h
        put proto/bad.c <<<'#include "broker/sync/inbox.h"'
        put broker/base/bad.c <<<'#include "proto/frame.h"'
        put auth/bad.c <<<'#include "broker/message/message.h"'
        put broker/io/epoll.h <<<'#include <stdatomic.h>'
        put broker/peer/bad.c <<<'#include <sys/epoll.h>'
        put broker/peer/worse.c <<<'#include <liburing.h>'
        put broker/router/bad.c <<<'int f(int *p) { return __atomic_load_n(p, 0); }'
        put broker/router/gone.c <<<'#include "broker/router/gone.h"'
        put broker/router/rcu.c <<<'#include <urcu-qsbr.h>'
        put broker/elsewhere/lost.c <<<'int x;'
        expect check-ranks \
                '^proto/bad.c:2: "broker/sync/inbox.h" has rank 1, proto has 1' \
                '^broker/base/bad.c:2: "proto/frame.h" has rank 1, broker/base has 0' \
                '^auth/bad.c:2: .*has rank 3, auth has 3' \
                '^broker/io/epoll.h:2: <stdatomic.h> belongs in broker/sync only' \
                '^broker/peer/bad.c:2: <sys/epoll.h> belongs in broker/io only' \
                '^broker/peer/worse.c:2: <liburing.h> belongs in broker/io only' \
                "^broker/router/bad.c:2: atomic '__atomic_load_n' outside broker/sync" \
                '^broker/router/gone.c:2: "broker/router/gone.h" does not exist' \
                '^broker/router/rcu.c:2: <urcu-qsbr.h> belongs in broker/sync only' \
                "^broker/elsewhere/lost.c:1: folder 'broker/elsewhere' has no rank"

        put broker/base/list.h <<<'/* memory_order_relaxed in a comment is none */'
        put broker/sync/inbox.h <<<'#include <stdatomic.h>'
        put broker/io/uring.c <<<$'#include <liburing.h>\n#include "broker/sync/inbox.h"'
        put broker/worker/loop.c <<<$'#include "broker/io/io.h"\n#include "loop.h"'
        echo | put broker/io/io.h
        echo | put broker/worker/loop.h
        put tests/race/test_inbox.c <<<$'#include <stdatomic.h>\n#include "broker/worker/loop.h"'
        put auth/odd.c <<<$'/* EXCEPTION: the reason stands here */\n#include <sys/epoll.h>'
        expect_none check-ranks
}

test_atomics() {
        put broker/sync/inbox.c <<'C'
int inbox_bad(A *a)
{
        /* Pairs with: inbox_push(), which releases. */
        if (atomic_load_explicit(a, memory_order_acquire))
                return 1;
        return atomic_fetch_add_explicit(a, 1,
                                         memory_order_relaxed);
}
void inbox_fence(A *a)
{
        atomic_thread_fence(memory_order_seq_cst);
}
C
        put docs/LOCKFREE.md <<'MD'
| function | order | pairs with |
| `inbox_bad()` | acq; rel | `inbox_push()` |
| `inbox_gone()` | sc | nothing |
MD
        expect check-atomics \
                "^broker/sync/inbox.c:5: the orders of inbox_bad.. are 'acq rlx', .* 'acq rel'" \
                "^broker/sync/inbox.c:12: the orders of inbox_fence.. are 'sc', .* says ''" \
                '^docs/LOCKFREE.md:4: inbox_gone.. has no memory order' \
                "^broker/sync/inbox.c:8: 'memory_order_relaxed' does not say what it pairs with" \
                "^broker/sync/inbox.c:12: stand-alone fence 'atomic_thread_fence'"

        put broker/sync/inbox.c <<'C'
/* memory_order_relaxed, in a comment */
int inbox_good(A *a)
{
        B b = atomic_load_explicit(a, memory_order_acquire); /* Pairs with: inbox_push(). */

        /*
         * Pairs with: inbox_take(), which acquires what was
         * written before.
         */
        while (!atomic_compare_exchange_weak_explicit(a, &b, c,
                                                      memory_order_acq_rel,
                                                      memory_order_acquire))
                pause();
        /* EXCEPTION: the other side is the kernel's membarrier. */
        atomic_signal_fence(memory_order_seq_cst);
}
C
        put docs/LOCKFREE.md <<'MD'
| `inbox_good()` | acq; acq_rel / acq; sc | `inbox_push()` |
MD
        put broker/io/ring.c <<<'int memory_order_relaxed;'
        expect_none check-atomics
}

test_names() {
        put proto/frame.c <<'C'
#include "x.h"
static int helper(void) { return 1; }
int frame_cut(int a) { return a + helper(); }
int cut_frame(struct { int x; } *a)
{
        return a->x;
}
__attribute__((noinline)) void *ring_make(int (*f)(int), const char *s) { return 0; }
struct frame { int (*call)(int); } table[] = {{.call = frame_cut}};
C
        put proto/frame.h <<<'static inline int slice(int a) { return a; }'
        put broker/config_xml.c <<<'int xml_read(void) { return 0; }'
        put tests/unit/test_frame.c <<'C'
static void test_short(void **state) { }
int main(void) { return cmocka_unit_test(test_short); }
C
        put bench/micro/route.cc <<'C'
namespace {
class Bench { void run() { } };
}
extern "C" {
void route_one(void) { while (f()) { g(); } }
}
extern "C" void other_two(void) { for (;;) { g(); } }
BENCHMARK(route_one)->Arg(3);
C
        put proto/broken.c <<<'int broken_f(void) { if (1) { return 0; }'
        expect check-names \
                "^proto/frame.c:5: external function 'cut_frame' does not begin with 'frame_'" \
                "^proto/frame.c:9: external function 'ring_make' does not begin with 'frame_'" \
                "^proto/frame.h:2: external function 'slice' does not begin with 'frame_'" \
                "^broker/config_xml.c:2: external function 'xml_read'" \
                "^bench/micro/route.cc:8: external function 'other_two'" \
                "^tests/unit/test_frame.c:2: test 'test_short'" \
                "^proto/broken.c:1: cannot be read .line 2: '\{' is never closed"

        put broker/config_xml.c <<<'int config_read(void) { return 0; } int config_xml_f(void) { }'
        put tests/unit/io_fixture.c <<<'int fixture_setup(void **state) { return 0; }'
        put proto/odd.h <<'C'
#ifndef RINGBUS_PROTO_ODD_H
#define RINGBUS_PROTO_ODD_H
/* EXCEPTION: tally_ lives here, because it is two lines long. */
static inline int tally_add(int a) { return a; }
#endif
C
        put tests/unit/test_frame.c <<'C'
static void test_frame_empty_refused(void **state) { }
int main(void) { return cmocka_unit_test(test_frame_empty_refused); }
C
        expect_none check-names
}

long_function() {
        echo "int $1(void)"
        echo '{'
        lines "$2" '        f();'
        echo '}'
}

test_ceilings() {
        lines 400 'int x;' | put proto/long.c
        { long_function long_ok 57; long_function long_bad 58; } | put proto/function.c
        put proto/many.c <<'C'
int many_ok(int a, int b, int (*c)(int, int), int d, int e, int f) { return 0; }
int many_bad(int a, int b, int c, int d, int e, int f, int g) { return 0; }
C
        put proto/deep.c <<'C'
int deep_ok(int a)
{
        for (int i = 0; i < a; i++) {
                if (a) {
                        while (a--)
                                f((struct s){.x = 1, .y = {2}});
                } else if (f()) {
                        f();
                } else if (g()) {
                        do {
                                f();
                        } while (a--);
                }
        }
        switch (a) {
        case 1: {
                if (a)
                        return a ? 1 : 2;
                break;
        }
        default:
                return 0;
        }
}
int deep_bad(int a)
{
        for (int i = 0; i < a; i++)
                if (a)
                        list_for_each(a, b) {
                                if (b)
                                        return 1;
                        }
        return 0;
}
C
        { printf '/* '; lines 98 x | tr -d '\n'; echo; echo '*/'; } | put proto/wide.c
        mkdir -p "$TREE/tools"
        echo 'int x;' >"$TREE/proto/bare.c"
        printf 'T%s: later\n' ODO >"$TREE/tools/notes.txt"
        expect check-ceilings \
                '^proto/long.c:401: 401 lines, more than 400' \
                '^proto/function.c:62: long_bad\(\) has 61 lines, more than 60' \
                '^proto/many.c:3: many_bad\(\) has 7 parameters, more than 6' \
                '^proto/deep.c:26: deep_bad\(\) has 4 levels of nesting, more than 3' \
                '^proto/wide.c:2: 101 columns, more than 100' \
                '^proto/bare.c:1: no SPDX line' \
                "^tools/notes.txt:1: 'T[O]DO'"

        { echo '/* EXCEPTION: a table of the specification. */'; lines 500 'int x;'; } |
                put proto/long.c
        { echo '/* EXCEPTION: one switch over all states. */'; long_function long_bad 80; } |
                put proto/function.c
        {
                echo '/* EXCEPTION: a path that cannot be broken. */'
                lines 101 x | tr -d '\n'
        } | put proto/wide.c
        expect_none check-ceilings

        { echo '/* EXCEPTION: lazy */'; long_function long_bad 80; } | put proto/function.c
        expect check-ceilings '^proto/function.c:3: long_bad'
}

test_format() {
        echo 'BasedOnStyle: LLVM' >"$TREE/.clang-format"
        put proto/bad.c <<<$'int f( void );\nint g( void );'
        put proto/spelt.c <<<"/* rec"'ieve */'
        expect check-format '^proto/bad.c:2: not formatted: tools/check-format --fix' \
                '^proto/spelt.c:2: "rec[i]eve" is misspelt: write receive'

        echo 'BasedOnStyle: LLVM' >"$TREE/.clang-format"
        put proto/bad.c <<<'int f( void );'
        "$TOP/tools/check-format" --fix --root "$TREE" >/dev/null
        expect_none check-format
}

test_scripts() {
        mkdir -p "$TREE/tools"
        # shellcheck disable=SC2016 # the text of a bad script
        printf '#!/bin/bash\ncd /nowhere\necho $1\n' >"$TREE/tools/bad.sh"
        printf '#!/usr/bin/env python3\ndef f(:\n' >"$TREE/tools/bad.py"
        printf '#!/bin/bash\necho fine\n' >"$TREE/tools/unrunnable.sh"
        printf '#!/bin/bash\nexit 3\n' >"$TREE/tools/helpless"
        chmod +x "$TREE/tools/bad.sh" "$TREE/tools/bad.py" "$TREE/tools/helpless"
        expect check-scripts '^tools/bad.sh:2: .*SC2164' '^tools/bad.sh:3: .*SC2086' \
                '^tools/bad.py:2: .*: mend the syntax' \
                '^tools/unrunnable.sh:1: .*chmod \+x' '^tools/helpless:1: --help fails'

        mkdir -p "$TREE/tools"
        # shellcheck disable=SC2016 # the text of a good script
        printf '#!/bin/bash\necho "$1"\n' >"$TREE/tools/good"
        chmod +x "$TREE/tools/good"
        expect_none check-scripts
}

if (($# == 0)); then
        set -- ranks atomics names ceilings format scripts
fi
run_subjects "$@"
