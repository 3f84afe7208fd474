#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Every id of the registry has a case that shows it and a near miss that must not raise it: some expect.txt, twins.txt or
# series.txt says `has ID`, some says `not ID`, and neither is a known gap. An id that claims to be seen in a kernel's own account is shown by a
# recorded case (its folder begins with rec_).
#
#   ids.sh BINARY CAPTURES
set -u
binary=${1:?usage: ids.sh BINARY CAPTURES}
captures=${2:?usage: ids.sh BINARY CAPTURES}

# "CASE has|not ID" for each expectation that is met.
said() {
    find "$captures" \( -name expect.txt -o -name twins.txt -o -name series.txt \) -print | sort | while read -r file; do
        awk -v name="$(basename "$(dirname "$file")")" '
            /^gap:/ { gap = 1; next }
            gap { gap = 0; next }
            $1 == "flow" && $4 == "=" && ($3 == "handshake" || $3 == "close") { print name, "has", $3 "_" $5 }
            $1 == "flow" { sub(/^flow +[^ ]+ +/, "") }
            $1 == "listener" { print name, "has", $2 }
            $1 == "has" || $1 == "not" { print name, $1, $2 }' "$file"
    done
}

# "ID ORIGIN" for each finding.
registry() {
    "$binary" findings | awk '/^[a-z]/ { print $1 }' | while read -r id; do
        echo "$id $("$binary" findings "$id" | awk '$1 == "seen" && $2 == "in" { print $3 }')"
    done
}

{ said; echo --; registry; } | awk '
    $0 == "--" { known = 1; next }
    !known { seen[$2, $3] = 1; if ($1 ~ /^rec_/) seen["rec", $2, $3] = 1; next }
    {
        tell(("has", $1) in seen, $1 " has a case")
        tell(("not", $1) in seen, $1 " has a near miss")
        if ($2 == "kernel")
            tell(("rec", "has", $1) in seen, $1 " was recorded from a kernel, as it claims")
    }
    function tell(good, words) { print (good ? "ok " : "not ok ") ++number " - " words; bad += !good }
    END { print "1.." number; exit bad > 0 || !number }'
