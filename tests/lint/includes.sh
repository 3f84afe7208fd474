#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The rules of the tree that a compiler does not know. TAP, one line per rule:
#
#   * a stage includes headers of base/ and of stages to its LEFT only (and the public ones)
#   * in classify/ what reads one dossier (read/) knows nothing else of it, and what sweeps over many (sweep/) that alone, and
#     no family of findings
#   * pcap.h only in capture/, csv.h only in report/; the command line knows the public API only
#   * every header compiles alone
#   * every source names its licence, and what is none has one; nothing is left for later
#
#   includes.sh SOURCE_ROOT
set -u
export LC_ALL=C
cd "${1:?usage: includes.sh SOURCE_ROOT}" || exit 2

stages=(base capture decode plan artefact flow peer mirror classify report engine)
number=0
failed=0

# rule NAME TEXT: passes if TEXT, what was found against the rule, is empty.
rule() {
    number=$((number + 1))
    if [ -z "$2" ]; then
        echo "ok $number - $1"
        return
    fi
    failed=$((failed + 1))
    echo "not ok $number - $1"
    printf '%s\n' "$2" | head -n 30 | sed 's/^/# /'
}

# "FILE:LINE:HEADER" of every include under the given folders.
includes() {
    grep -rnE --include='*.[ch]' --include='*.def' '^[[:space:]]*#[[:space:]]*include' "$@" |
        sed -E 's/^([^:]+:[0-9]+):.*include[[:space:]]*[<"]([^">]+)[">].*/\1:\2/'
}

left_of() {
    local stage
    for stage in "${stages[@]}"; do
        echo "$stage"
        [ "$stage" = "$1" ] && return
    done
}

right_includes() {
    local stage allowed
    for stage in "${stages[@]}"; do
        [ -d "analyzer/$stage" ] || continue
        allowed=$(left_of "$stage" | paste -sd'|')
        includes "analyzer/$stage" | grep -E ":($(IFS='|'; echo "${stages[*]}")|cli)/" |
            grep -vE ":($allowed)/"
    done
}

# What shows facts knows nothing of those who judge by them.
inner_includes() {
    includes analyzer/classify/read | grep ':classify/' | grep -v ':classify/read/'
    includes analyzer/classify/sweep | grep ':classify/' | grep -vE ':classify/((read|sweep)/|closing\.h$)'
}

# A quoted name without folder is a header of the file's own folder; everything else is <system> or folder/name.
lonely_includes() {
    local file line header
    grep -rnE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^/"]+"' analyzer include |
        while IFS=: read -r file line header; do
            header=$(sed -E 's/.*"([^"]+)".*/\1/' <<<"$header")
            [ -f "$(dirname "$file")/$header" ] || echo "$file:$line: no $header beside it"
        done
}

only_in() { # only_in HEADER FOLDER
    includes analyzer include | grep -E ":$1$" | grep -v "^analyzer/$2/"
}

cli_includes() {
    local header
    header="($(IFS='|'; echo "${stages[*]}"))"
    [ -d analyzer/cli ] && includes analyzer/cli | grep -E ":$header/"
}

public_includes() {
    includes include | grep -vE ':(tcpautopsy/[a-z_]+|std[a-z]+|signal)\.h$'
}

lone_headers() {
    local header out
    while read -r header; do
        out=$(printf '#include "%s"\n' "$PWD/$header" |
            "${CC:-cc}" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-function -Wno-missing-field-initializers \
                -Werror -Iinclude -Ianalyzer -Itests/tools -fsyntax-only -x c - 2>&1) ||
            printf '%s does not compile alone: %s\n' "$header" "$(grep -m 1 'error:' <<<"$out")"
    done < <(find include analyzer tests -name '*.h' | sort)
}

sources() {
    find . -path ./.git -prune -o -path './build*' -prune -o -path './obj-*' -prune -o -path './debian/*/*' ! -path './debian/tests*' -prune -o -type f \
        \( -name '*.[ch]' -o -name '*.def' -o -name '*.py' -o -name '*.sh' -o -name '*.mdoc' -o -name '*.toml' -o -name 'meson.build' \
        -o -name meson_options.txt -o -path './.ci/*' -o -path ./debian/rules -o -path ./debian/control -o -path './debian/tests/*' \) \
        -print | sort
}

unlicensed() {
    sources | while read -r file; do
        head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' || echo "$file: no SPDX line among the first three"
    done
}

# What has no place for such a line (captures, corpora, pages) is covered by REUSE.toml, with the text of the one licence.
uncovered() {
    grep -qx 'path = "\*\*"' REUSE.toml || echo 'REUSE.toml does not cover every file'
    grep -qx 'SPDX-License-Identifier = "MIT"' REUSE.toml || echo 'REUSE.toml names another licence'
    cmp LICENSE LICENSES/MIT.txt 2>&1
    diff <(sed -n '5,$p' LICENSE | tr -s ' \n' ' ') <(sed -n '/^ /p' debian/copyright | sed 's/^ \.$//' | tr -s ' \n' ' ' | sed 's/^ //') >/dev/null ||
        echo 'debian/copyright has another text'
}

left_for_later() {
    local words='TO''DO|FIX''ME|X''XX' # split, or this line would find itself
    # A TAP directive has its word by right.
    sources | xargs grep -nwE "$words" | grep -vE "# T""ODO"
}

rule 'stages include base and stages to their left only' "$(right_includes)"
rule 'classify/read and classify/sweep include no judges' "$(inner_includes)"
rule 'a bare quoted name is a header of the same folder' "$(lonely_includes)"
rule 'only capture/ uses pcap.h' "$(only_in 'pcap(/.*)?\.h' capture)"
rule 'only report/ uses csv.h' "$(only_in 'csv\.h' report)"
rule 'the command line knows the public API only' "$(cli_includes)"
rule 'public headers need public and standard headers only' "$(public_includes)"
rule 'every header compiles alone' "$(lone_headers)"
rule 'every source names its licence' "$(unlicensed)"
rule 'every other file has its licence' "$(uncovered)"
rule 'nothing is left for later' "$(left_for_later)"
echo "1..$number"
[ "$failed" -eq 0 ]
