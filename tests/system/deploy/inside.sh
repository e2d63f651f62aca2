#!/bin/bash
# The test, run on the booted machine: one line per assertion, a count at the end.
#
# Commands that users type come from quadlet/README.md, by the name of their block: what is
# written there is what runs here.
set -uo pipefail

readonly lab=/lab
readonly project=$lab/project
readonly readme=$project/quadlet/README.md
cd "$project" || exit 1

passed=0 failed=0
blocks_run=' '

# Runs a command, and tells whether it exited 0.
check() { # WHAT COMMAND...
    local what=$1 output status=0
    shift
    output=$("$@" 2>&1 | tr -d '\0') || status=$?
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok   $what${output:+$(summary "$output")}"
    else
        failed=$((failed + 1))
        echo "FAIL $what"
        echo "     exit code $status of: $*"
        tail -n 15 <<<"$output" | sed 's/^/     | /'
    fi
}

# A check's last line of output that begins with `figure:` belongs into the report.
summary() {
    sed -n '$s/^figure: \(.*\)/ (\1)/p' <<<"$1"
}

# The commands of one block of the README.
block() { # NAME
    awk -v open="\`\`\`sh $1" '$0 == open { inside = 1; next } /^```/ { inside = 0 } inside' "$readme"
}

# Runs a block as it stands, each command having to succeed; sed expressions fill in placeholders.
readme() { # NAME [SED EXPRESSION]
    local commands
    commands=$(block "$1" | sed -e "${2:-}")
    [ -n "$commands" ] || { echo "the README has no block '$1'"; return 1; }
    bash -euo pipefail -c "$commands"
}

check_readme() { # NAME [SED EXPRESSION]
    blocks_run+="$1 "
    check "README: $1" readme "$@"
}

fails() { ! "$@"; }

# Tries again for up to ten seconds.
eventually() {
    for _ in $(seq 100); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    "$@"
}

# Quadlet's units are made by a generator, whose folder verify does not look into by itself.
units_verify() { # UNIT...
    local output
    output=$(SYSTEMD_UNIT_PATH=/run/systemd/generator: systemd-analyze verify "$@" 2>&1) && [ -z "$output" ] ||
        { echo "$output"; return 1; }
}

every_block_ran() {
    local name missing=''
    for name in $(sed -n 's/^```sh \(.*\)/\1/p' "$readme"); do
        [[ $blocks_run == *" $name "* ]] || missing+=" $name"
    done
    [ -z "$missing" ] || { echo "not run:$missing"; return 1; }
    # A block without a name would escape the count.
    ! grep -qxE '```(sh)?' <(awk '/^```/ && !(n++ % 2)' "$readme")
}

# docs/operating.md has the short way: commands of quadlet/README.md, letter by letter.
short_way_agrees() {
    local line lines=0
    while read -r line; do
        lines=$((lines + 1))
        grep -qxF -- "$line" "$readme" || { echo "only in docs/operating.md: $line"; return 1; }
    done < <(awk '/^## /{ inside = $0 == "## Run it on a server" } /^```/{ code = inside && /sh$/; next } code' docs/operating.md)
    [ "$lines" -ge 15 ] || { echo "$lines commands"; return 1; }
}

for part in "$lab"/test/checks/*.sh; do
    echo "--- $(basename "$part" .sh | cut -c4-)"
    # shellcheck source=/dev/null
    source "$part"
done
check "every block of commands in the README was run" every_block_ran
check "the short way in docs/operating.md is made of them" short_way_agrees
echo "$passed passed, $failed failed" >"$lab/count"
[ "$failed" -eq 0 ]
