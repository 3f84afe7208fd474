#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# From a fresh clone to a first answer: installs what the build needs, builds into build/, and runs tcpautopsy on the
# given arguments, or on a capture of this tree in which an accept queue overflowed.
#
#   tests/tools/try.sh [TCPAUTOPSY-ARGUMENT]...
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/../.."
# shellcheck source=tests/tools/install.sh
. tests/tools/install.sh

install_packages gcc libc6-dev meson ninja-build pkg-config libpcap-dev libcsv-dev libxxhash-dev libarchive-dev check
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ [ -f build/build.ninja ] || meson setup build; ninja -C build; } >"$log" 2>&1 || {
    cat "$log" >&2
    exit 1
}
root=$PWD
cd "$here"
if [ $# -eq 0 ]; then
    cd "$root"
    set -- captures/queue/rec_stalled_service/capture.pcap
    echo "\$ tcpautopsy $1"
fi
"$root/build/analyzer/cli/tcpautopsy" "$@"
