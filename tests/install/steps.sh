# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For scripts that go step by step: a folder that goes with them, and a TAP point for each step. Sourced.
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
number=0
failed=0

step() { # step NAME COMMAND...
    local name=$1
    shift
    number=$((number + 1))
    if "$@" >"$scratch/log" 2>&1; then
        echo "ok $number - $name"
        return
    fi
    failed=$((failed + 1))
    echo "not ok $number - $name"
    tail -n 40 "$scratch/log" | sed 's/^/# /'
    return 1
}
