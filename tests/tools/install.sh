# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Sourced: install_packages NAME... makes sure that these Debian packages are there. As root it installs what is
# missing; as somebody else it says what to install, and fails.

install_packages() {
    local name missing=()

    command -v dpkg-query >/dev/null || {
        echo "this is no Debian: make sure that you have the equivalent of: $*" >&2
        return 0
    }
    for name in "$@"; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
    done
    [ "${#missing[@]}" -eq 0 ] && return 0
    if [ "$(id -u)" -ne 0 ]; then
        echo "missing packages, as root: apt-get install --no-install-recommends ${missing[*]}" >&2
        return 1
    fi
    echo "installing: ${missing[*]}" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >&2 && apt-get install -q -y --no-install-recommends "${missing[@]}" >&2
}
