#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# docs/design/verdict.md tells which causes explain which effects: exactly the pairs of explained[] in judge.c.
#
#   verdict.sh SOURCE_ROOT
set -u
export LC_ALL=C
root=${1:?usage: verdict.sh SOURCE_ROOT}

in_code() {
    sed -n '/explained\[\] = {/,/^};/p' "$root/analyzer/classify/judge.c" |
        grep -o '{TCA_[a-z0-9_]*, TCA_[a-z0-9_]*}' | sed 's/[{}]//g; s/TCA_//g; s/,//' | sort
}

in_words() {
    grep '^| `' "$root/docs/design/verdict.md" | awk '{
        count = split($0, part, "`")
        for (i = 4; i <= count; i += 2)
            print part[2] " " part[i]
    }' | sort
}

bad=0
[ "$(in_code | wc -l)" -gt 0 ] || bad=1
while read -r mark pair; do
    echo "# $pair: only in $([ "$mark" = '<' ] && echo judge.c || echo verdict.md)"
    bad=1
done < <(diff <(in_code) <(in_words) | grep '^[<>]')
[ "$bad" -eq 0 ] && echo "ok 1 - docs/design/verdict.md has the pairs of judge.c" ||
    echo "not ok 1 - docs/design/verdict.md has the pairs of judge.c"
echo "1..1"
exit "$bad"
