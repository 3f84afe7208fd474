#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The release's archive stands on its own: `meson dist` makes it of the last commit, and in it, somewhere else, the commands of
# docs/install.md, "From source", are typed, with another prefix. TAP; several minutes.
#
#   dist.sh SOURCE_ROOT BUILD
set -u
root=$(cd "${1:?usage: dist.sh SOURCE_ROOT BUILD}" && pwd) && build=$(cd "${2:?usage: dist.sh SOURCE_ROOT BUILD}" && pwd) || exit 2
if [ ! -e "$root/.git" ]; then
    echo '1..0 # SKIP this tree is no repository: there is no commit to make an archive of'
    exit 0
fi
# shellcheck source=tests/install/steps.sh
. "$root/tests/install/steps.sh"

unpacked() { # the newest archive, unpacked into $scratch/tree
    local archive
    archive=$(ls -t "$build"/meson-dist/tcpautopsy-*.tar.xz | head -n 1) && mkdir "$scratch/tree" && tar -xf "$archive" -C "$scratch/tree" --strip-components 1
}

# The commands of the first ```sh block behind the heading.
commands() {
    awk '/^## From source/ { here = 1 } here && /^```$/ { exit } block { print } here && /^```sh$/ { block = 1 }' "$scratch/tree/docs/install.md"
}

typed() { (cd "$scratch/tree" && sh -c "$1"); }

installed() { "$scratch/prefix/bin/tcpautopsy" "$scratch/prefix/share/doc/tcpautopsy/examples/stalled_service.pcap" | grep 'accept queue full'; }

step 'meson dist makes the archive' meson dist -C "$build" --no-tests --allow-dirty && step 'it can be unpacked' unpacked || exit 1
count=0
while read -r line; do
    count=$((count + 1))
    step "\$ $line" typed "${line//--prefix=\/usr\/local/--prefix=$scratch/prefix}"
done < <(commands)
step 'the document has commands' [ "$count" -gt 2 ]
step 'the installed program tells the installed capture' installed
echo "1..$number"
[ "$failed" -eq 0 ]
