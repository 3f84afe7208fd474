#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Inside the sandbox everything works that was asked for, and nothing else.

Every command with and without it; inputs and outputs of all kinds; a run that was taken over (intruder.c) gets nowhere; a
kernel that has no Landlock; what is refused is told. Where this machine's kernel cannot refuse something, the point is skipped and
says so.
"""

import ctypes
import errno
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True  # no litter in the source tree

import built  # noqa: E402

CASES = ("queue/rec_overflow_ladder", "close/rec_four_way")
REFUSED = (errno.EACCES, errno.EPERM)
LIBC = ctypes.CDLL(None, use_errno=True)
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF, ASK_LEVEL = 444, 446, 1
SECCOMP = {"x86_64": 317, "aarch64": 277}.get(os.uname().machine, 277)
PR_SET_NO_NEW_PRIVS, PR_GET_SECCOMP, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 21, 22, 2


def landlock_level():
    level = LIBC.syscall(LANDLOCK_CREATE_RULESET, None, 0, ASK_LEVEL)
    return max(level, 0)


def without_calls(*numbers):
    """For preexec_fn: these system calls do not exist, as in an older kernel."""
    def step(code, yes, no, value):
        return struct.pack("HBBI", code, yes, no, value)
    load_number, equal, give = 0x20, 0x15, 0x06
    steps = [step(load_number, 0, 0, 0)]
    steps += [step(equal, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    steps += [step(give, 0, 0, 0x7FFF0000), step(give, 0, 0, 0x00050000 | errno.ENOSYS)]
    code = ctypes.create_string_buffer(b"".join(steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))

    def install():
        if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
                LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
            os._exit(98)
    install.keep = code
    return install


def in_layers(count):
    """For preexec_fn: inside so many sandboxes of others, which keep from making sockets only."""
    make_sock = ctypes.create_string_buffer(struct.pack("Q", 1 << 9))

    def install():
        bad = LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        for _ in range(count):
            rules = LIBC.syscall(LANDLOCK_CREATE_RULESET, make_sock, 8, 0)
            bad = bad or rules < 0 or LIBC.syscall(LANDLOCK_RESTRICT_SELF, rules, 0)
            os.close(rules)
        if bad:
            os._exit(98)
    return install


class Skip(str):
    """The reason why a point cannot be looked at here."""


class Bench:
    def __init__(self, captures, program, intruder, folder):
        self.captures, self.program, self.intruder, self.folder = pathlib.Path(captures), program, intruder, folder
        self.level = landlock_level()
        self.seccomp = LIBC.prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 and os.uname().machine in ("x86_64", "aarch64")
        self.temporary = folder.parent / "temporary" # what is there is not kept from the program
        self.temporary.mkdir()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)

    def capture(self, case=CASES[0]):
        return (self.captures / case / "capture.pcap").read_bytes()

    def run(self, *arguments, given=None, env=None, **more):
        return subprocess.run([self.program, *map(str, arguments)], input=given, capture_output=True, cwd=self.folder, timeout=240,
                              env={**os.environ, "TMPDIR": str(self.temporary), **(env or {})}, check=False, **more)

    def intrude(self, *arguments, where=None, env=None, over=None, **more):
        """The run, and of each moment and try the errno."""
        elsewhere = pathlib.Path(tempfile.mkdtemp(dir=where or self.folder.parent))
        (elsewhere / "victim").write_text("")
        (elsewhere / "secret").write_text("")
        there, here = os.pipe()
        env = {**(env or {}), "LD_PRELOAD": self.intruder, "INTRUDER_TO": str(here), "INTRUDER_READ": str(elsewhere / "secret"),
               "INTRUDER_FOLDER": str(elsewhere), "INTRUDER_PORT": str(self.listener.getsockname()[1]),
               "INTRUDER_INPUT": str(self.folder / "a.pcap"),
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0:detect_leaks=0"}
        done = self.run(*arguments, env={**env, **(over or {})}, pass_fds=(here,), **more)
        os.close(here)
        with os.fdopen(there) as lines:
            tries = {(when, what): int(error) for when, what, error in map(str.split, lines)}
        shutil.rmtree(elsewhere)
        return done, tries


def tree_of(folder):
    """What was written; of what tells times or holds random numbers the length."""
    def content(path):
        return path.stat().st_size if path.suffix == ".part" or "journal" in path.name else path.read_bytes()
    return {str(path.relative_to(folder)): content(path) for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != "run.csv"}


# ---- every command ----

def commands(bench):
    """NAME, arguments with OUT where a folder for results is."""
    yield from ((name, (name, "a.pcap")) for name in ("summary", "flows", "events", "listeners", "states", "settings"))
    yield "flows of a folder", ("flows", "-R", "tree")
    yield "flows in threads, with little memory", ("flows", "-j", "4", "--memory", "1M", "a.pcap", "b.pcap")
    yield "states as ss", ("states", "--format", "ss", "a.pcap")
    yield "states as nstat", ("states", "--format", "nstat", "a.pcap")
    yield "a filter with a service's name", ("flows", "-f", "tcp port http-alt or port domain", "a.pcap")
    yield "a protocol's name", ("flows", "-f", "ip proto ospf or tcp", "a.pcap")
    yield "a filter in a file", ("flows", "-F", "filter.txt", "a.pcap")
    yield "settings in a file", ("settings", "--sysctl", "@sysctl.txt", "a.pcap")
    yield "explain", ("explain", "stream=5", "a.pcap")
    yield "explain -w -o", ("explain", "stream=5", "-w", "OUT/one.pcap", "-o", "OUT/ladder.txt", "a.pcap")
    yield "flows -o", ("flows", "-o", "OUT/flows.csv", "a.pcap")
    yield "flows --plan", ("flows", "--plan", "a.pcap", "b.pcap")
    yield "report", ("report", "-o", "OUT/new", "a.pcap", "b.pcap")
    yield "scan", ("scan", "-o", "OUT/new", "tree")
    yield "scan with settings in a file", ("scan", "-o", "OUT/new", "--sysctl", "@sysctl.txt", "tree")
    yield "scan --plan", ("scan", "--plan", "tree")
    yield "scan --shard", ("scan", "-o", "OUT/new", "--shard", "1/1", "tree")
    yield "scan --missing", ("scan", "--missing", "-o", "parts")
    yield "merge of a folder", ("merge", "-o", "OUT/new", "parts")
    yield "merge of parts that are links", ("merge", "-o", "OUT/new", "links")
    yield "merge of single parts", ("merge", "-o", "OUT/new", *sorted((bench.folder / "parts" / "parts").iterdir()))
    yield "scan whose parts lie elsewhere", ("scan", "-o", "moved", "--resume", "--keep-parts", "tree")
    yield "  and its merge", ("merge", "-o", "OUT/new", "moved")
    yield "diff of tables", ("diff", "-o", "OUT/diff.txt", "tables/flows.csv", "tables/events.csv")
    yield "diff of folders", ("diff", "tables", "other")
    yield "diff of folders of links", ("diff", "tables", "linked")
    yield "findings", ("findings",)
    yield "schema", ("schema", "--format", "sql")


def make_inputs(bench):
    folder = bench.folder
    (folder / "a.pcap").write_bytes(bench.capture())
    (folder / "b.pcap").write_bytes(bench.capture(CASES[1]))
    (folder / "tree" / "deep").mkdir(parents=True)
    (folder / "tree" / "deep" / "x.pcap").write_bytes(bench.capture())
    (folder.parent / "far.pcap").write_bytes(bench.capture(CASES[1]))
    os.symlink(folder.parent / "far.pcap", folder / "tree" / "link.pcap")
    (folder / "filter.txt").write_text("tcp port 8080\n")
    (folder / "sysctl.txt").write_text("net.core.somaxconn = 32\n")
    bench.run("scan", "-o", "parts", "--shard", "1/1", "tree")
    for name, of in (("tables", "a.pcap"), ("other", "b.pcap")):
        bench.run("report", "-o", name, of)
    (folder / "links" / "parts").mkdir(parents=True)
    for part in [folder / "parts" / "manifest.csv", *(folder / "parts" / "parts").iterdir()]:
        moved = shutil.copy(part, folder.parent / part.name)
        os.symlink(moved, folder / "links" / (part.name if part.suffix == ".csv" else "parts/" + part.name))
    (folder / "moved").mkdir()
    (folder.parent / "parts of moved").mkdir()
    os.symlink(folder.parent / "parts of moved", folder / "moved" / "parts")
    (folder / "linked").mkdir()
    os.symlink(folder / "other" / "flows.csv", folder / "linked" / "flows.csv")


def told(bench, arguments, *more, **how):
    out = pathlib.Path(tempfile.mkdtemp(dir=bench.folder.parent))
    done = bench.run(*(str(word).replace("OUT", str(out)) for word in arguments), *more, **how)
    written = tree_of(out)
    shutil.rmtree(out)
    return done.returncode, done.stdout, done.stderr.replace(bytes(out), b"OUT"), written


def every_command(bench):
    for name, arguments in commands(bench):
        free = told(bench, arguments, "--no-sandbox")
        boxed = told(bench, arguments)
        yield f"{name}: the same inside", boxed == free and boxed[0] in (0, 1) and bool(
            any(boxed[1:]) or "--missing" in arguments)


# ---- names of all kinds ----

def feed(path, data):
    with open(path, "wb") as pipe:
        pipe.write(data)


def inputs(bench):
    wanted = bench.run("flows", "-e", "flow_id,verdict", "--no-sandbox", "a.pcap").stdout
    folder, words = bench.folder, ("flows", "-e", "flow_id,verdict")

    def same(*arguments, **more):
        done = bench.run(*words, *arguments, **more)
        return done.returncode == 0 and done.stdout == wanted
    os.symlink("a.pcap", folder / "s.pcap")
    os.symlink(folder / "s.pcap", folder / "ss.pcap")
    yield "a link to a link", same("ss.pcap")
    os.mkfifo(folder / "pipe")
    feeder = threading.Thread(target=feed, args=(folder / "pipe", bench.capture()))
    feeder.start()
    yield "a named pipe", same("pipe")
    feeder.join()
    yield "standard input, a pipe", same("-", given=bench.capture())
    with open(folder / "a.pcap", "rb") as file:
        yield "standard input, a file", subprocess.run([bench.program, *words, "-"], stdin=file, capture_output=True,
                                                       check=False).stdout == wanted
        file.seek(0)
        yield "/dev/stdin", subprocess.run([bench.program, *words, "/dev/stdin"], stdin=file, capture_output=True,
                                           check=False).stdout == wanted
    (folder / "names").write_text("a.pcap\n")
    yield "a list of names", same("@names")
    yield "a list through a pipe", same("@-", given=b"a.pcap\n")
    shutil.make_archive(str(folder / "packed"), "gztar", folder, "a.pcap")
    if built.unpacks(bench.program):
        yield "a member of an archive", same("packed.tar.gz/a.pcap")
    else:
        done = bench.run("flows", "packed.tar.gz/a.pcap")
        yield "a member of an archive, in a build without them, is told as such", done.returncode == 3 and \
            built.WITHOUT in done.stderr and b"sandbox" not in done.stderr
    (folder / "tree2").mkdir()
    os.symlink(folder / "tree2", folder / "tree3")
    (folder / "tree2" / "a").write_bytes(bench.capture())
    yield "a link to a folder", same("-R", "tree3")
    yield "a folder with a slash", same("-R", "tree3/")
    (folder / "away").mkdir()
    yield "from a folder that is gone", subprocess.run(
        ["sh", "-c", 'cd away && rmdir ../away && exec "$0" flows -e flow_id,verdict "$1"', bench.program, folder / "a.pcap"],
        cwd=folder, capture_output=True, check=False).stdout == wanted
    missing = bench.run("flows", "nothere.pcap")
    yield "what is not there is told as such", missing.returncode == 3 and b"No such file" in missing.stderr and \
        b"sandbox" not in missing.stderr
    done = bench.run("flows", "-R", "tree", "--temp-dir", "tree2", "--memory", "1M")
    yield "--temp-dir", done.returncode == 0 and os.listdir(folder / "tree2") == ["a"]
    done = bench.run("explain", "stream=5", "a.pcap", env={"TMPDIR": str(folder / "tree2")})
    yield "TMPDIR", done.returncode == 0 and os.listdir(folder / "tree2") == ["a"]


def outputs(bench):
    folder = bench.folder
    wanted = bench.run("flows", "--no-sandbox", "a.pcap").stdout
    yield "a device", bench.run("flows", "-o", "/dev/null", "a.pcap").returncode == 0
    bench.run("flows", "-o", "plain.csv", "a.pcap")
    yield "a file in the working folder", (folder / "plain.csv").read_bytes() == wanted
    os.symlink(folder.parent / "target.csv", folder / "l.csv")
    bench.run("flows", "-o", "l.csv", "a.pcap")
    yield "a link is replaced", (folder / "l.csv").read_bytes() == wanted and not (folder / "l.csv").is_symlink() and \
        not (folder.parent / "target.csv").exists()
    os.mkfifo(folder / "outpipe")
    reader = subprocess.Popen(["cat", folder / "outpipe"], stdout=subprocess.PIPE)
    bench.run("flows", "-o", "outpipe", "a.pcap")
    yield "a named pipe", reader.communicate()[0] == wanted
    done = bench.run("flows", "-o", "no/flows.csv", "a.pcap")
    yield "a folder that is not there is told as such", done.returncode == 4 and b"No such file" in done.stderr and \
        b"sandbox" not in done.stderr
    done = bench.run("report", "-o", "no/out", "a.pcap")
    yield "  of a report, too", done.returncode == 4 and b"No such file" in done.stderr
    done = bench.run("report", "-o", "empty", "--at-all", "a.pcap")
    done = bench.run("scan", "-o", "empty", "--shard", "auto", "a.pcap", env={"SLURM_ARRAY_TASK_ID": "x"})
    yield "a folder that stays empty is not left", done.returncode == 2 and not (folder / "empty").exists()
    (folder / "ro").mkdir()
    for _ in range(2): # what is there is replaced
        done = bench.run("report", "-o", "ro", "a.pcap")
    yield "a folder that is there", done.returncode == 0 and not list((folder / "ro").glob("*.tmp"))
    (folder / "ro" / "flows.csv.Ab12Cd.tmp").write_text("")
    bench.run("report", "-o", "ro", "a.pcap")
    yield "what a killed run left is removed", not list((folder / "ro").glob("*.tmp"))


# ---- refusals ----

OF_LANDLOCK = ("read", "list", "change", "make", "folder", "link", "remove")
OF_SECCOMP = ("socket", "rights", "type")


def is_refused(bench, tries, moments):
    for when in moments:
        for what in OF_LANDLOCK if bench.level else ():
            yield f"  {what} {when}", tries.get((when, what)) in REFUSED
        for what in OF_SECCOMP if bench.seccomp else ():
            yield f"  {what} {when}", tries.get((when, what)) == errno.EPERM
        if bench.seccomp or bench.level >= 4:
            yield f"  tcp {when}", tries.get((when, "tcp")) in REFUSED


def intrusions(bench):
    if not bench.level:
        yield "files are kept", Skip("this kernel has no Landlock")
    if not bench.seccomp:
        yield "system calls are kept", Skip("this kernel has no seccomp, or it is not for this processor")
    done, tries = bench.intrude("flows", "-j", "2", "--no-sandbox", "a.pcap")
    free = {what for (_, what), error in tries.items() if error == 0}
    yield "--no-sandbox: the intruder reaches everything", done.returncode == 0 and \
        free >= {"read", "list", "change", "make", "folder", "link", "remove", "rights", "tcp", "socket"}
    for name, arguments in commands(bench):
        if "threads" in name:
            arguments, moments = ("flows", "-j", "4", "a.pcap", "b.pcap"), ("thread", "end")
        else:
            moments = ("end",)
        out = tempfile.mkdtemp(dir=bench.folder)
        done, tries = bench.intrude(*(str(word).replace("OUT", out) for word in arguments))
        bad = [point for point, good in is_refused(bench, tries, moments) if not good]
        yield f"{name}: the intruder gets nowhere" + (f" (but {', '.join(bad)})" if bad else ""), \
            not bad and done.returncode in (0, 1)
        shutil.rmtree(out)


def temporary(bench):
    """Others' files in the folder for temporary ones."""
    if not bench.level:
        yield "names are kept", Skip("this kernel has no Landlock")
        return
    try:
        os.close(os.open(bench.temporary, os.O_TMPFILE | os.O_RDWR))
    except OSError:
        yield "names are kept", Skip("this file system has no files without names")
        return
    _, tries = bench.intrude("flows", "a.pcap", where=bench.temporary)
    for what in ("list", "make", "folder", "link", "remove"):
        yield f"{what}: refused", tries["end", what] in REFUSED


# ---- root ----

PR_CAPBSET_READ, PR_CAPBSET_DROP = 23, 24
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_SETGID, CAP_SETUID, CAP_SETPCAP = 1, 2, 3, 6, 7, 8
POWERS_OF_ROOT = (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_SETGID, CAP_SETUID, CAP_SETPCAP)


def without_power(*capabilities):
    """For preexec_fn: a root who has not all of its powers."""
    def install():
        if any(LIBC.prctl(PR_CAPBSET_DROP, one, 0, 0, 0) for one in capabilities):
            os._exit(98)
    return install


NOBODY, SUDO = 65534, {"SUDO_UID": "4711", "SUDO_GID": "4712"}


def root(bench):
    """Who works when root calls, and whose the results are."""
    if os.geteuid() != 0 or any(LIBC.prctl(PR_CAPBSET_READ, one, 0, 0, 0) != 1 for one in POWERS_OF_ROOT):
        yield "root is given up", Skip("this is not run by root, or by one without the powers of root")
        return
    folder = bench.folder
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        open_place, his = pathlib.Path(place), pathlib.Path(place) / "his"
        os.chmod(place, 0o755)
        for name, mode in (("public.pcap", 0o644), ("private.pcap", 0o600)):
            (open_place / name).write_bytes(bench.capture())
            os.chmod(open_place / name, mode)
        his.mkdir()
        os.chown(his, 4711, 4712)
        env = {"TMPDIR": "/tmp"}

        def who(*arguments, sudo=None):
            done, tries = bench.intrude(*arguments, env={**env, **(sudo or {})})
            return done, tries.get(("end", "user")), tries.get(("end", "powers"))
        if b"root remains" in bench.run("flows", "-v", open_place / "public.pcap", env=env).stderr:
            yield "root is given up", Skip("a watched build writes where its files are, which are root's")
            return
        wanted = bench.run("flows", "-e", "flow_id,verdict", "--no-sandbox", open_place / "public.pcap").stdout
        columns = ("flows", "-e", "flow_id,verdict")
        done, user, powers = who(*columns, open_place / "public.pcap")
        yield "to standard output: nobody, without any power", (user, powers) == (NOBODY, 0) and done.stdout == wanted
        done, user, powers = who(*columns, open_place / "private.pcap")
        yield "what only root may read: nobody, with the power to read", (user, powers) == (NOBODY, 1) and done.stdout == wanted
        done, user, powers = who(*columns, open_place / "private.pcap", sudo=SUDO)
        yield "by sudo: who called it", (user, powers) == (4711, 1) and done.stdout == wanted
        done, user, powers = who(*columns, "-R", open_place, sudo=SUDO)
        yield "  of a folder with something that only root may read", (user, powers) == (4711, 1) and done.returncode == 0
        done, user, powers = who(*columns, "-o", folder / "r.csv", open_place / "public.pcap")
        yield "into root's folder: root, with power over files alone", (user, powers) == (0, 3) and \
            (folder / "r.csv").read_bytes() == wanted and (folder / "r.csv").stat().st_uid == 0
        done, user, powers = who(*columns, "-o", "/dev/null", open_place / "public.pcap")
        yield "into a device that all may write to: nobody", (user, powers) == (NOBODY, 0) and done.returncode == 0
        done, user, powers = who(*columns, "-o", his / "f.csv", open_place / "public.pcap", sudo=SUDO)
        yield "into his folder: he, and the results are his", (user, powers) == (4711, 0) and \
            (his / "f.csv").read_bytes() == wanted and ((his / "f.csv").stat().st_uid, (his / "f.csv").stat().st_gid) == (4711, 4712)
        os.chown(his / "f.csv", 0, 0)
        done, user, powers = who(*columns, "-o", his / "f.csv", open_place / "public.pcap", sudo=SUDO)
        yield "  in the place of what is root's: root", (user, powers) == (0, 3) and done.returncode == 0
        for command in ("report", "scan"):
            out = his / command
            done, user, powers = who(command, "-o", out, open_place / "private.pcap", sudo=SUDO)
            yield f"  {command}: his, in a folder that is his", (user, powers) == (4711, 1) and done.returncode == 0 and \
                {path.stat().st_uid for path in [out, *out.iterdir()]} == {4711} and len(list(out.iterdir())) > 8
        done, user, powers = who("scan", "-o", his / "scan", "--resume", open_place / "private.pcap", sudo=SUDO)
        yield "  scan --resume goes on as he", (user, powers) == (4711, 1) and done.returncode == 0
        done, user, powers = who(*columns, "--temp-dir", bench.temporary, open_place / "public.pcap")
        yield "temporary files where only root may write: root", (user, powers) == (0, 3) and done.stdout == wanted
        done = bench.run(*columns, "-v", open_place / "private.pcap", env=env, preexec_fn=without_power(CAP_DAC_READ_SEARCH))
        yield "without a power to read that could be kept, as in containers: root", done.stdout == wanted and \
            b"root remains" in done.stderr
        done = bench.run(*columns, "-v", open_place / "public.pcap", env=env,
                         preexec_fn=without_power(CAP_SETUID, CAP_SETGID))
        yield "without the power to become another: root", done.stdout == wanted and b"root remains" in done.stderr
        done, user, powers = who(*columns, "--no-sandbox", open_place / "public.pcap")
        yield "--no-sandbox: root with all powers", user == 0 and powers > 3
        done = bench.run("flows", "-v", "-o", folder / "r.csv", open_place / "public.pcap", env=env)
        yield "-v says why root remains", f"root remains, with power over files alone: {folder} is not for user {NOBODY}".encode() \
            in done.stderr


def lured(bench):
    """A link in a folder of results leads to nothing that the name does not explain."""
    if not bench.level:
        yield "links are kept", Skip("this kernel has no Landlock")
        return
    folder, target = bench.folder, pathlib.Path(tempfile.mkdtemp(dir=bench.folder.parent))
    (folder / "lure").mkdir()
    (target / "secret").write_text("")
    os.symlink(target, folder / "lure" / "somewhere")
    os.symlink(target, folder / "lure" / "flows.csv")
    for command in (("scan", "-o", "lure", "tree"), ("merge", "-o", "out", "lure"), ("diff", "lure", "tables")):
        env = {"INTRUDER_READ": str(target / "secret"), "INTRUDER_FOLDER": str(target)}
        done, tries = bench.intrude(*command, over=env)
        yield f"{command[0]}: nothing is made behind it", tries["end", "make"] in REFUSED
    yield "  and nothing was", os.listdir(target) == ["secret"]


def replaced(bench):
    """What takes the place of an input after the box was closed."""
    if not bench.level:
        yield "what is refused is told", Skip("this kernel has no Landlock")
        return
    folder = bench.folder
    os.mkfifo(folder / "first")
    (folder / "second").write_bytes(bench.capture())
    run = subprocess.Popen([bench.program, "flows", "--temp-dir", bench.temporary, "--series", "each", "first", "second"], cwd=folder, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
    with open(folder / "first", "wb") as pipe: # it has been opened, so the box is closed
        (folder / "new").write_bytes(bench.capture())
        os.rename(folder / "new", folder / "second")
        pipe.write(bench.capture(CASES[1]))
    out, err = run.communicate(timeout=60)
    yield "what was replaced is refused, and the words say why", run.returncode == 3 and \
        b"second: cannot open: Permission denied: the sandbox" in err and b"--no-sandbox" in err
    yield "  and the rest is told", out.count(b"\n") > 1
    (folder / "swapped").mkdir()
    run = subprocess.Popen([bench.program, "flows", "-o", "swapped/flows.csv", "first"], cwd=folder, stderr=subprocess.PIPE)
    with open(folder / "first", "wb") as pipe:
        os.rename(folder / "swapped", folder / "was")
        (folder / "swapped").mkdir()
        pipe.write(bench.capture())
    err = run.communicate(timeout=60)[1]
    yield "a folder for results that was replaced, likewise", run.returncode == 4 and not list((folder / "swapped").iterdir()) and \
        b"swapped/flows.csv: cannot be written: Permission denied: the sandbox" in err


# ---- kernels that can less ----

def older(bench):
    if not bench.seccomp:
        yield "older kernels", Skip("without seccomp they cannot be imitated")
        return
    wanted = bench.run("flows", "--no-sandbox", "a.pcap").stdout
    gone = without_calls(444, 445, 446)
    done, tries = bench.intrude("flows", "-v", "a.pcap", preexec_fn=gone)
    yield "without Landlock: the same rows", done.stdout == wanted and done.returncode == 0
    yield "  and it is said", b"sandbox: keeps from no files (this kernel has no Landlock)" in done.stderr
    yield "  files are reached, sockets are not", tries["end", "read"] == 0 and tries["end", "socket"] == errno.EPERM
    yield "  --version says it", b"no Landlock" in bench.run("--version", preexec_fn=gone).stdout
    done, tries = bench.intrude("flows", "-v", "a.pcap", preexec_fn=without_calls(SECCOMP))
    yield "without seccomp: the same rows", done.stdout == wanted and b"seccomp" not in done.stderr
    yield "  files are kept", tries["end", "read"] == errno.EACCES if bench.level else Skip("this kernel has no Landlock")
    yield "  TCP is kept", tries["end", "tcp"] == errno.EACCES if bench.level >= 4 else \
        Skip("before level 4 Landlock knows no network")
    for level in range(1, bench.level):
        old = {"INTRUDER_LEVEL": str(level)}
        done, tries = bench.intrude("flows", "-v", "a.pcap", env=old)
        bad = [point for point, good in is_refused(bench, tries, ("end",)) if not good]
        yield f"Landlock {level}: the same rows, and nothing else is reached" + (f" (but {', '.join(bad)})" if bad else ""), \
            done.stdout == wanted and not bad and b"(Landlock %d)" % level in done.stderr
        good = [bench.intrude(*words, env=old)[0].returncode == 0 for words in (
            ("scan", "-o", f"level{level}", "tree"), ("scan", "--resume", "-o", f"level{level}", "tree"),
            ("report", "-o", f"level{level}r", "a.pcap"), ("report", "-o", f"level{level}r", "b.pcap"),
            ("merge", "-o", f"level{level}m", "parts"), ("flows", "-o", "/dev/null", "a.pcap"))]
        yield "  and what writes works", all(good) and not list(bench.folder.glob(f"level{level}*/*.tmp"))
    layers = 16 # as many as the kernel takes
    done = bench.run("flows", "-v", "a.pcap", preexec_fn=in_layers(layers)) if bench.level else None
    yield "no layer left for it: the same rows, and it is said", done.stdout == wanted and \
        b"no files (Landlock: Argument list too long)" in done.stderr if done else Skip("this kernel has no Landlock")
    done = bench.run("flows", "-v", "a.pcap", preexec_fn=in_layers(layers - 1)) if bench.level else None
    yield "  one left", b"(Landlock %d)" % bench.level in done.stderr if done else Skip("this kernel has no Landlock")
    done = told(bench, ("report", "-o", "OUT/new", "a.pcap"), preexec_fn=gone)
    yield "  a report is written", done[0] == 0 and len(done[3]) > 5


def words(bench):
    with_box, without = bench.run("flows", "-v", "a.pcap"), bench.run("flows", "-v", "--no-sandbox", "a.pcap")
    level = f"(Landlock {bench.level})".encode() if bench.level else b"no Landlock"
    yield "-v says what is in force", level in with_box.stderr and b"sandbox: keeps from" in with_box.stderr
    yield "  and that nothing is", b"sandbox: off" in without.stderr
    yield "--version says what there is", level in bench.run("--version").stdout
    yield "nothing is said unasked", bench.run("flows", "a.pcap").stderr == b""


GROUPS = (every_command, inputs, outputs, intrusions, temporary, root, lured, replaced, older, words)


def main():
    captures, program, intruder = (str(pathlib.Path(name).resolve()) for name in sys.argv[1:4])
    number = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder).resolve() / "work"
        work.mkdir()
        bench = Bench(captures, program, intruder, work)
        make_inputs(bench)
        for group in GROUPS:
            begun = time.monotonic()
            for name, good in group(bench):
                number += 1
                skip = f" # SKIP {good}" if isinstance(good, Skip) else ""
                failed += not good
                print(f"{'ok' if good else 'not ok'} {number} {group.__name__}: {name}{skip}", flush=True)
            print(f"# {group.__name__}: {time.monotonic() - begun:.1f} s", flush=True)
    print(f"1..{number}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
