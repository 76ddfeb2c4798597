# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the scripts in tools/ share: messages, steps, and the packages. Sourced, never run; the
# sourcing script has set -euo pipefail and defines TOP, the root of the tree.

# The first comment block of the calling script, below its SPDX line, is its --help.
lib_help() {
        awk 'NR <= 2 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$0"
}

# lib_die CAUSE REMEDY: ends the script; says what is wrong and what to do about it.
lib_die() {
        printf 'error: %s\n  -> %s\n' "$1" "$2" >&2
        exit 1
}

# lib_step N TOTAL TEXT
lib_step() {
        printf '[%d/%d] %s ...\n' "$1" "$2" "$3"
}

# lib_packages GROUP...: the packages of these groups, one per line.
lib_packages() {
        local group
        for group in "$@"; do
                awk -v group="$group" '$1 == group { print $2 }' "$TOP/tools/packages"
        done
}

# lib_packages_missing GROUP...: those that are not installed.
lib_packages_missing() {
        local package
        while read -r package; do
                if ! dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null |
                        grep -qx installed; then
                        printf '%s\n' "$package"
                fi
        done < <(lib_packages "$@")
}

# lib_as_root COMMAND...: runs it as root, through sudo if need be.
lib_as_root() {
        if [[ $(id -u) == 0 ]]; then
                "$@"
        else
                sudo -n "$@"
        fi
}

lib_apt_get() {
        lib_as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
                -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null
}

# lib_install LOG GROUP...: installs what is missing; touches neither apt nor network if nothing is.
lib_install() {
        local log=$1 missing
        shift
        if ! command -v dpkg-query >/dev/null; then
                lib_die "this is not a Debian system: dpkg-query is missing" \
                        "install what tools/packages lists by hand, then use --no-packages"
        fi
        mapfile -t missing < <(lib_packages_missing "$@")
        if [[ ${#missing[@]} == 0 ]]; then
                echo "      all packages are installed"
                return
        fi
        if [[ $(id -u) != 0 ]] && ! sudo -n true 2>/dev/null; then
                lib_die "packages are missing and this user may not install them: ${missing[*]}" \
                        "as root: apt-get install --no-install-recommends ${missing[*]}"
        fi
        echo "      installing ${#missing[@]} packages and what they depend on"
        # Package lists that are there may be recent enough; fetch them only where they are not.
        if ! lib_apt_get install --no-install-recommends "${missing[@]}" >"$log" 2>&1 &&
                ! { lib_apt_get update &&
                        lib_apt_get install --no-install-recommends "${missing[@]}"; } \
                        >>"$log" 2>&1; then
                tail -n 20 "$log" >&2
                lib_die "apt-get could not install: ${missing[*]} (log: $log)" \
                        "check /etc/apt/sources.list* (Debian 12, main) and the network"
        fi
}

# lib_jobs: as many compiler processes as there are processors, but one per 1 GiB of memory.
lib_jobs() {
        local processors memory
        processors=$(nproc)
        memory=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)
        if ((memory >= 1 && memory < processors)); then
                processors=$memory
        fi
        printf '%d\n' "$processors"
}

# lib_files: the project's text files below the current folder, as tools/checklib.py has them.
lib_files() {
        find . \( -name build -o -name corpus -o -name __pycache__ -o -name '.?*' ! -name .ci \) \
                -prune -o -type f -print | sed 's|^\./||' | LC_ALL=C sort
}
