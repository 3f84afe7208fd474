#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The Debian packages: built from a copy of the tree as docs/install.md says, looked through by lintian, and tested by their own tests
# (debian/tests) against what was installed. As root, on a Debian whose packages may be installed and removed; what is missing is
# installed. TAP; some ten minutes.
#
#   debian.sh SOURCE_ROOT
set -u
root=$(cd "${1:?usage: debian.sh SOURCE_ROOT}" && pwd) || exit 2
if ! command -v dpkg-buildpackage >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo '1..0 # SKIP needs a Debian with dpkg-dev, and root'
    exit 0
fi
if [ ! -e "$root/.git" ]; then
    echo '1..0 # SKIP this tree is no repository: what belongs to it is not known'
    exit 0
fi
# shellcheck source=tests/tools/install.sh
. "$root/tests/tools/install.sh"
install_packages dpkg-dev debhelper lintian autopkgtest fakeroot || exit 2
# shellcheck source=tests/install/steps.sh
. "$root/tests/install/steps.sh"

copied() {
    local version
    version=$(dpkg-parsechangelog -l "$root/debian/changelog" -S Version) && mkdir "$scratch/tree" &&
        (cd "$root" && git ls-files -z | tar -c --null -T - | tar -x -C "$scratch/tree") &&
        tar -C "$scratch" --exclude=debian --transform "s/^tree/tcpautopsy-${version%-*}/" -cJf "$scratch/tcpautopsy_${version%-*}.orig.tar.xz" tree
}

built() { # the source package, while there is nothing else, and as the document says
    grep -qx 'dpkg-buildpackage -us -uc -b' "$root/docs/install.md" && (cd "$scratch/tree" && dpkg-source -b . && dpkg-buildpackage -us -uc -b)
}

looked_through() { (cd "$scratch" && lintian --fail-on error,warning --tag-display-limit 0 ./*.changes ./*.dsc); }
tested() { (cd "$scratch" && autopkgtest ./*.deb ./*.dsc -- null); }

step 'the tree is copied' copied && step 'packages are built' built && step 'lintian finds no error and no warning' looked_through &&
    step 'the tests of the packages pass' tested
apt-get purge -q -y tcpautopsy libtcpautopsy-dev >/dev/null 2>&1
echo "1..$number"
[ "$failed" -eq 0 ]
