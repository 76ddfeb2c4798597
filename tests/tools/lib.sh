# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the tests of the scripts share. Sourced, never run; TOP is the root of the tree.

TREE=$(mktemp -d /tmp/test-checks.XXXXXX)
trap 'rm -rf "$TREE"' EXIT
n_wrong=0
n_right=0

# put PATH: writes standard input to a file of the tree, behind an SPDX line.
put() {
        mkdir -p "$TREE/$(dirname "$1")"
        { echo "/* SPDX-License-Identifier: Apache-2.0 */"; cat; } >"$TREE/$1"
}

clear_tree() {
        rm -rf "${TREE:?}"/* "$TREE"/.[a-z]*
}

note() {
        local verdict=$1
        shift
        if [[ $verdict == right ]]; then
                n_right=$((n_right + 1))
        else
                n_wrong=$((n_wrong + 1))
                echo "wrong: $*"
        fi
}

# expect CHECK PATTERN...: the check exits 1, with as many findings as patterns, one for each.
expect() {
        local check=$1 output status=0 pattern
        shift
        output=$("$TOP/tools/$check" --root "$TREE" 2>&1) || status=$?
        if [[ $status == 1 && $(grep -c '^[^ ]*:[0-9]*: ' <<<"$output") == "$#" ]]; then
                note right
        else
                note wrong "$check: status $status, expected $# findings: $output"
        fi
        for pattern in "$@"; do
                if grep -Eq -- "$pattern" <<<"$output"; then
                        note right
                else
                        note wrong "$check: no finding matches '$pattern': $output"
                fi
        done
        clear_tree
}

# expect_none CHECK: the check exits 0 without findings.
expect_none() {
        local check=$1 output
        if output=$("$TOP/tools/$check" --root "$TREE" 2>&1) && grep -q ' 0 findings' <<<"$output"
        then
                note right
        else
                note wrong "$check: findings in a good tree: $output"
        fi
        clear_tree
}

# lines N TEXT: TEXT, N times.
lines() {
        local i
        for ((i = 0; i < $1; i++)); do
                printf '%s\n' "$2"
        done
}

# same FOUND WANTED
same() {
        if [[ $1 == "$2" ]]; then
                note right
        else
                note wrong "got '$1', expected '$2'"
        fi
}

# run_subjects SUBJECT...: the function test_SUBJECT for each; ends the script with the verdict.
run_subjects() {
        local subject
        for subject in "$@"; do
                "test_$subject"
        done
        echo "$(basename "$0"): $n_right right, $n_wrong wrong"
        ((n_right > 0 && n_wrong == 0))
}
