#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The same source gives the same bytes: it is built in two places, with the build inside and outside of the tree, in another locale
# and time zone, and what each installs is compared. TAP; some five minutes of one processor.
#
#   reproducible.sh SOURCE_ROOT [MESON-OPTION]...
set -u
root=$(cd "${1:?usage: reproducible.sh SOURCE_ROOT [MESON-OPTION]...}" && pwd) || exit 2
shift
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT

copy() { # copy TREE: what a build needs
    mkdir -p "$1/captures/queue" &&
        cp -r "$root"/{analyzer,include,docs,meson.build,meson_options.txt,README.md,SECURITY.md,CHANGELOG.md} "$1" &&
        cp -r "$root/captures/queue/rec_stalled_service" "$1/captures/queue/"
}

make_one() { # make_one TREE BUILD RESULT MESON-OPTION...
    local tree=$1 build=$2 result=$3
    shift 3
    copy "$tree" && meson setup -Dtests=false "$@" "$build" "$tree" && ninja -C "$build" &&
        DESTDIR=$result meson install -C "$build" --no-rebuild
}

number=0
failed=0
# built_alike NAME MESON-OPTION...
built_alike() {
    local name=$1 log=$scratch/log first=$scratch/a second=$scratch/elsewhere/and/deeper what
    shift
    rm -rf "$first" "$scratch/elsewhere" "$scratch/one" "$scratch/two" "$scratch/out"
    number=$((number + 1))
    if (LC_ALL=C TZ=UTC make_one "$first" "$first/build" "$scratch/one" "$@") >"$log" 2>&1 &&
        (LC_ALL=C.UTF-8 TZ=Asia/Tokyo make_one "$second" "$scratch/out" "$scratch/two" "$@") >>"$log" 2>&1 &&
        what=$(diff -rq "$scratch/one" "$scratch/two") && [ -n "$(find "$scratch/one" -name tcpautopsy.1)" ]; then
        echo "ok $number - $name: $(find "$scratch/one" -type f | wc -l) files are the same"
        return
    fi
    failed=$((failed + 1))
    echo "not ok $number - $name"
    { tail -n 20 "$log"; echo "${what:-}"; } | sed 's/^/# /'
}

built_alike 'optimized' --buildtype=release "$@"
built_alike 'with the debugger'"'"'s words' --buildtype=debugoptimized "$@"
echo "1..$number"
[ "$failed" -eq 0 ]
