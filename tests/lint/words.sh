#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What README and docs show is run: each line `$ tcpautopsy ...` inside a code block, with the lines that follow it
# up to the next `$` or the end of the block as its expected output.
#
#   * A line of only `...` stands for any number of lines.
#   * A command without output below it must end with status 0, its output is not compared.
#   * `$ tcpautopsy ...; echo $?` shows the status as last line.
#   * Lines `$ something-else` are for people: not run, and what follows them is not looked at.
#
# Commands run under a POSIX shell in a copy of the working directory's captures/ (so that examples may write files),
# with time zone UTC and the binary under test first in PATH. Standard error is part of the output.
#
#   words.sh BINARY        from the source root
set -u
export LC_ALL=C.UTF-8 TZ=UTC NO_COLOR=1
binary=$(realpath "${1:?usage: words.sh BINARY}") || exit 2
root=$PWD
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/bin" "$scratch/tree"
ln -s "$binary" "$scratch/bin/tcpautopsy"
cp -r "$root/captures" "$scratch/tree/" || exit 2
PATH=$scratch/bin:$PATH
number=0
failed=0

# Does $1 (expected, may hold `...` lines) describe $2?
matches() {
    awk -v expected="$1" -v got="$2" '
        # at most one row of the table at a time: can[i] is "the first i lines of expected describe got so far"
        BEGIN {
            n = split(expected, e, "\n"); m = split(got, g, "\n")
            can[0] = 1
            for (i = 1; i <= n; i++) can[i] = can[i - 1] && e[i] == "..."
            for (j = 1; j <= m; j++) {
                before = can[0]; can[0] = 0
                for (i = 1; i <= n; i++) {
                    diagonal = before; before = can[i]
                    can[i] = e[i] == "..." ? (can[i] || can[i - 1]) : (diagonal && e[i] == g[j])
                }
            }
            exit !can[n]
        }'
}

check() { # check WHERE COMMAND EXPECTED
    local got status
    got=$(cd "$scratch/tree" && sh -c "$2" 2>&1 </dev/null)
    status=$?
    number=$((number + 1))
    if [ -z "$3" ] && [ "$status" -eq 0 ]; then
        echo "ok $number - $1"
    elif [ -n "$3" ] && matches "$3" "$got"; then
        echo "ok $number - $1"
    else
        failed=$((failed + 1))
        echo "not ok $number - $1"
        echo "# \$ $2   (status $status)"
        if [ -n "$3" ]; then
            diff <(printf '%s\n' "$3") <(printf '%s\n' "$got") | head -n 20 | sed 's/^/# /'
        else
            printf '%s\n' "$got" | head -n 20 | sed 's/^/# /'
        fi
    fi
}

examples() { # examples FILE
    local line in_block='' command='' expected='' where='' at=0
    flush() {
        # Empty lines at the end belong to the page, not to the output.
        while [[ $expected == *$'\n' ]]; do expected=${expected%$'\n'}; done
        [ -n "$command" ] && check "$where" "$command" "$expected"
        command='' expected=''
    }
    while IFS= read -r line || [ -n "$line" ]; do
        at=$((at + 1))
        line=${line%$'\r'}
        if [[ $line =~ ^[[:space:]]*\`\`\` ]]; then
            flush
            [ -n "$in_block" ] && in_block='' || in_block=fence
            continue
        fi
        # A block is fenced, or indented by four spaces.
        if [ "$in_block" != fence ]; then
            if [[ $line == '    '* ]]; then
                line=${line#    }
            elif [ -n "$line" ]; then
                flush
                continue
            fi
        fi
        if [[ $line == '$ tcpautopsy'* ]]; then
            flush
            command=${line#'$ '} where="$1:$at"
        elif [[ $line == '$ '* ]]; then
            flush
        elif [ -n "$command" ]; then
            expected+=$line$'\n'
        fi
    done <"$1"
    flush
}

for file in README.md docs/*.md; do
    [ -f "$file" ] && examples "$file"
done
if [ "$number" -eq 0 ]; then
    echo '1..0 # SKIP no examples'
    exit 0
fi
echo "1..$number"
[ "$failed" -eq 0 ]
