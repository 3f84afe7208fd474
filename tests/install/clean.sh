#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# On a Debian 12 with nothing on it: in one new system the packages are built with their tests, and tested by their own (debian/tests); in
# another one, where no compiler ever was, the program is installed, run, looked up in its manual, completed by the tabulator in a shell,
# and removed. Each is a folder that mmdebstrap fills from this machine's package sources, entered with processes and mounts of its own.
# As root; TAP; some twenty minutes.
#
#   clean.sh SOURCE_ROOT
set -u
root=$(cd "${1:?usage: clean.sh SOURCE_ROOT}" && pwd) || exit 2
if [ "$(id -u)" -ne 0 ] || ! grep -qs bookworm /etc/os-release || [ ! -e "$root/.git" ]; then
    echo '1..0 # SKIP needs root, a Debian 12 to take package sources from, and a repository'
    exit 0
fi
# shellcheck source=tests/tools/install.sh
. "$root/tests/tools/install.sh"
install_packages mmdebstrap dpkg-dev python3 || exit 2
# shellcheck source=tests/install/steps.sh
. "$root/tests/install/steps.sh"

system() { # system NAME PACKAGE...: a new one
    local new=$scratch/$1 sources=/etc/apt/sources.list.d/debian.sources
    shift
    [ -f "$sources" ] || sources=/etc/apt/sources.list
    mmdebstrap --variant=minbase --include="$(IFS=, && echo "$*")" bookworm "$new" "$sources" && cp -L /etc/resolv.conf /etc/hosts "$new/etc/"
}

inside() { # inside NAME COMMAND: in that system
    # shellcheck disable=SC2016 # $0 and $1 are the inner shell's
    unshare --mount --pid --fork bash -c 'mount -t proc proc "$0/proc" && mount -t tmpfs tmpfs "$0/dev/shm" &&
        mount -t devpts -o newinstance,ptmxmode=0666 devpts "$0/dev/pts" &&
        exec chroot "$0" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -c "$1"' "$scratch/$1" "$2"
}

copied() {
    local version
    version=$(dpkg-parsechangelog -l "$root/debian/changelog" -S Version) && mkdir -p "$scratch/builder/build/tree" &&
        (cd "$root" && git ls-files -z | tar -c --null -T - | tar -x -C "$scratch/builder/build/tree") &&
        tar -C "$scratch/builder/build" --exclude=debian --transform "s/^tree/tcpautopsy-${version%-*}/" \
            -cJf "$scratch/builder/build/tcpautopsy_${version%-*}.orig.tar.xz" tree
}

needs() { inside builder 'cd /build/tree && apt-get update -q && apt-get build-dep -q -y --no-install-recommends ./'; }
built() { inside builder 'cd /build/tree && dpkg-source -b . && dpkg-buildpackage -us -uc -b'; }
tested() { inside builder 'cd /build && autopkgtest ./*.deb ./*.dsc -- null'; }

installed() {
    cp "$scratch"/builder/build/tcpautopsy_*.deb "$scratch/user/root/" &&
        inside user 'apt-get update -q && apt-get install -q -y --no-install-recommends /root/tcpautopsy_*.deb && useradd -m person'
}

as_person() { inside user "su person -c '$1'"; }
told() { as_person 'cd && tcpautopsy /usr/share/doc/tcpautopsy/examples/stalled_service.pcap' | grep 'accept queue full (certain)'; }
looked_up() { as_person 'man tcpautopsy && man tcpautopsy-flows && man tcpautopsy-verdicts' | grep -c syn_drop_accept_full; }

# A shell that somebody types into, at a terminal.
completed() {
    export -f inside
    export scratch
    python3 - <<'PYTHON'
import os, pty, select, sys, time
child, end = pty.fork()
if child == 0:
    os.execvp("bash", ["bash", "-c", "inside user \"su person -c 'bash --norc -i'\""])
def typed(keys, until):
    os.write(end, keys.encode())
    shown, limit = b"", time.monotonic() + 20
    while time.monotonic() < limit and until.encode() not in shown:
        if select.select([end], [], [], 0.1)[0]:
            shown += os.read(end, 65536)
    print(repr(shown))
    return until.encode() in shown
good = typed("PS1='> '; . /usr/share/bash-completion/bash_completion; echo rea''dy\n", "ready")
for keys, until in {"tcpautopsy fl\t": "tcpautopsy flows ", "ows --vant\t": "--vantage ", "\x15tcpautopsy explain str\t": "stream="}.items():
    good = typed(keys, until) and good
os.close(end)
os.waitpid(child, 0)
sys.exit(not good)
PYTHON
}

# shellcheck disable=SC2016 # expanded in there
removed() { inside user 'apt-get purge -q -y tcpautopsy && [ -z "$(find / -xdev -name "*tcpautopsy*" ! -path "/root/*" ! -path "/proc/*" ! -path "/var/lib/apt/*" -print)" ]'; }

step 'a system to build in' system builder dpkg-dev debhelper fakeroot autopkgtest man-db && step 'the tree is copied' copied &&
    step 'what it needs is installed' needs && step 'packages are built, with their tests' built && step 'the tests of the packages pass' tested &&
    step 'a system of somebody who uses it' system user man-db bash-completion && step 'the program is installed' installed &&
    step 'it tells the incident' told && step 'its manual is found' looked_up && step 'a shell completes it' completed &&
    step 'it can be removed, and nothing stays' removed
echo "1..$number"
[ "$failed" -eq 0 ]
