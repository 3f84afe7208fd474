# SPDX-License-Identifier: MIT
#
# docs/embed.md, done: the build is installed into a temporary folder, the programs of the document are built against what lies
# there, through pkg-config, and its commands are run and print what the document says they do. With "-" as build those are
# built against what the system has.
#
#   * ```c blocks that begin with /* NAME.c are files of that name.
#   * `$ ...` lines are run one after the other in one folder; a line of only `...` below them stands for any number of lines.
#
#   embed.py SOURCE BUILD COMPILER [FLAG]...     FLAG: how the library was compiled, if a program must be so as well
#
# TAP.
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "docs"))

from document import Checks, described, fenced  # noqa: E402

source, build = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
compiler, flags = sys.argv[3], sys.argv[4:]
text = (source / "docs/embed.md").read_text()
tap = Checks()


def install(folder):
    """Every file below the prefix, once installed."""
    done = subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", folder], capture_output=True, text=True)
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    tap.check("meson install", [] if done.returncode == 0 else (done.stdout + done.stderr).splitlines()[-20:])
    return files


def installed_whole(files):
    names = [str(path) for path in files]
    wanted = [r"bin/tcpautopsy", r"include/tcpautopsy/session\.h", r"lib.*/libtcpautopsy\.a", r"lib.*/pkgconfig/tcpautopsy\.pc",
              r"share/man/man1/tcpautopsy\.1", r"share/man/man1/tcpautopsy-flows\.1", r"share/man/man5/tcpautopsy-tables\.5",
              r"share/man/man7/tcpautopsy-verdicts\.7", r"share/bash-completion/completions/tcpautopsy", r"share/.*/_tcpautopsy",
              r"share/fish/vendor_completions\.d/tcpautopsy\.fish", r"share/doc/tcpautopsy/embed\.md",
              r"share/doc/tcpautopsy/examples/stalled_service\.pcap"]
    missing = [pattern for pattern in wanted if not any(re.search(f"/{pattern}$", "/" + name) for name in names)]
    headers = {path.name for path in (source / "include/tcpautopsy").glob("*.h")}
    missing += [f"header {name}" for name in headers - {path.name for path in files if path.suffix == ".h"}]
    missing += [f"docs/{path.name}" for path in (source / "docs").glob("*.md") if path.name not in {file.name for file in files}]
    tap.check("program, manual, completions, library and documents are installed", missing)


def no_other_names(files):
    """What the archive defines is tca_*, or what the document says."""
    archive = next((path for path in files.values() if path.name == "libtcpautopsy.a"), None)
    names = re.findall(r"^\w+ [A-TV-Z] (\w+)$", subprocess.run(["nm", "-g", "--defined-only", archive], capture_output=True, text=True).stdout, re.M) if archive else []
    told = tuple(name for name in re.findall(r"`(\w+_)\*`", text))
    tap.check("the library defines no names but those that the document tells", [name for name in names if not name.startswith((*told, "__"))] if names else ["none were found"])


def pkg_config(folder, files):
    """One that looks into the folder, where the prefix is below it; what the library needs lies outside of it."""
    found = next((str(path) for path in files.values() if path.name == "tcpautopsy.pc"), "")
    prefix = re.search(r"^prefix=(.*)$", pathlib.Path(found).read_text(), re.M).group(1) if found else ""
    return (f"#!/bin/sh\nPKG_CONFIG_PATH='{os.path.dirname(found)}' exec {shutil.which('pkg-config')} "
            f"--define-variable=prefix='{folder}{prefix}' \"$@\"\n")


with tempfile.TemporaryDirectory() as scratch:
    here = pathlib.Path(scratch)
    for name in ("installed", "work", "bin"):
        (here / name).mkdir()
    (here / "work/captures").symlink_to(source / "captures")
    (here / "bin/cc").write_text(f'#!/bin/sh\nexec {shutil.which(compiler)} -Wall -Wextra -Werror {" ".join(flags)} "$@"\n')
    if build != "-":
        files = install(here / "installed")
        installed_whole(files)
        no_other_names(files)
        (here / "bin/pkg-config").write_text(pkg_config(here / "installed", files))
    for tool in (here / "bin").iterdir():
        tool.chmod(0o755)
    environment = dict(os.environ, LC_ALL="C", PATH=f"{here}/bin:{os.environ['PATH']}")
    for kind, block in fenced(text):
        named = re.match(r"/\* (\w+\.c)\b", block)
        if kind == "c" and named:
            (here / "work" / named.group(1)).write_text(block)
    commands = 0
    for kind, block in fenced(text):
        for part in re.findall(r"^\$ (.*\n(?:(?!\$ ).*\n)*)", block, re.M) if not kind else []:
            line, *expected = part.rstrip("\n").split("\n")
            done = subprocess.run(["sh", "-c", line], cwd=here / "work", env=environment, capture_output=True, text=True)
            got = (done.stdout + done.stderr).splitlines()
            commands += 1
            good = described(expected, got) if expected else done.returncode == 0 and not got
            tap.check(f"$ {line}", [] if good else [f"status {done.returncode}", *got])
    tap.check("the document has commands", [] if commands > 2 else [f"{commands} were found"])
tap.end()
