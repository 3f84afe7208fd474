#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# docs/phenomena.md tells where each phenomenon is told: every row is there once, names something, and what it names in
# code marks is a finding, a column (table.column) or a kernel's counter of the registry.
#
#   phenomena.sh BINARY SOURCE_ROOT
set -u
export LC_ALL=C
binary=${1:?usage: phenomena.sh BINARY SOURCE_ROOT}
root=${2:?usage: phenomena.sh BINARY SOURCE_ROOT}
doc=$root/docs/phenomena.md

known() {
    "$binary" findings | awk '/^[a-z]/ { print $1 }'
    for table in flows events listeners states counters settings captures; do
        "$binary" schema --format csv "$table" | awk -F, -v table="$table" 'NR > 1 { print table "." $2 }'
    done
    grep -o '^COUNTER([A-Za-z]*' "$root/analyzer/classify/count/counter.def" 2>/dev/null | cut -d'(' -f2
    echo explain
}

{ known; echo --; grep '^| [0-9K]' "$doc"; } | awk '
    $0 == "--" { table = 1; next }
    !table { known[$0] = 1; next }
    {
        split($0, cell, / *\| */)
        row[cell[2]]++
        text = cell[4]
        names = split(text, part, "`")
        tell(names > 1 || text ~ /not visible in a capture: /, cell[2] " is told somewhere, or why not")
        for (i = 2; i <= names; i += 2)
            if (!(part[i] in known))
                missing = missing " " part[i]
        tell(missing == "", cell[2] " names what exists" (missing == "" ? "" : ", not" missing))
        missing = ""
    }
    function tell(good, words) { print (good ? "ok " : "not ok ") ++number " - phenomenon " words; bad += !good }
    END {
        for (i = 1; i <= 69; i++)
            tell(row[i] == 1, i " has one row")
        for (i = 1; i <= 17; i++)
            tell(row["K" i] == 1, "K" i " has one row")
        tell(row["2b"] == 1, "2b has one row")
        print "1.." number
        exit bad > 0
    }'
