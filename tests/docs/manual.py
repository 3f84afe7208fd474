# SPDX-License-Identifier: MIT
#
# The manual and the completions for shells say what the program says: they are made of its tables, and this is held against what
# --help, schema and findings print.
#
#   * Each command has a page, with the options of its --help and no other; the main page has all. Exit codes, columns and ids
#     are complete. The examples of the pages are run. mandoc's lint has nothing to warn of.
#   * Each shell offers a command's options and no other, in the shell itself; words that it offers as a value are taken by the
#     program, and --help knows no others.
#
#   manual.py CAPTURES BINARY FOLDER     FOLDER: pages and completions as built
#
# TAP. What needs a program that is not installed is skipped, by name.
import csv
import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.dont_write_bytecode = True  # no litter in the source tree

from document import Checks  # noqa: E402

captures, program, folder = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
tap = Checks()


def skip(name, reason):
    tap.point(True, f"{name} # SKIP {reason}")


def run(*words, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)


def told(*words):
    result = run(program, *words)
    assert result.returncode == 0, (words, result.stderr)
    return result.stdout


# ---- what the program says ----

def options_of(text):
    """{long name: (letter or None, takes a value)} of a --help."""
    found = re.findall(r"^(?:  -(\w), |      )--([\w-]+)( [A-Z][A-Z:=/]*)?(?: |$)", text, re.M)
    return {name: (letter or None, bool(argument)) for letter, name, argument in found}


main_help = told("--help")
commands = re.findall(r"^  ([a-z]+) +(?:\[|[A-Z-])", main_help.split("Commands:")[1].split("\n\n")[0], re.M)
helps = {command: told(command, "--help") for command in commands}
options = {command: options_of(text) for command, text in helps.items()}
everything = options_of(main_help)
columns = list(csv.DictReader(told("schema", "--format", "csv").splitlines()))
tables = list(dict.fromkeys(row["table"] for row in columns))
findings = re.findall(r"^([a-z]\w*)$", told("findings"), re.M)
tap.check("the program tells commands, options, columns and findings",
          [] if len(commands) > 9 and len(everything) > 30 and len(columns) > 99 and len(findings) > 99 else ["too few were read"])


def differences(got, wanted):
    return [f"missing: {name}" for name in wanted if name not in got] + [f"too much: {name}" for name in got if name not in wanted]


# ---- pages ----

def page_text(name):
    try:
        return (folder / name).read_text()
    except OSError as error:
        return f"{error}"


def page_options(text):
    found = {}
    for line in re.findall(r"^\.It( Fl .*)$", text.split(".Sh OPTIONS")[-1], re.M):
        flags = re.findall(r" Fl (\S+)( Ar \S+)?", line.replace("\\-", "-"))
        letter = flags[0][0] if not flags[0][0].startswith("-") else None
        found[flags[-1][0][1:]] = (letter, bool(flags[-1][1]))
    return found


pages = {"": "tcpautopsy.1", **{command: f"tcpautopsy-{command}.1" for command in commands}}
for command, name in pages.items():
    text = page_text(name)
    wanted = options[command] if command else everything
    got = page_options(text)
    wrong = differences(got, wanted) + [f"--{key}: {got[key]}, not {wanted[key]}" for key in got if got[key] != wanted.get(key, got[key])]
    codes = re.findall(r"^\.It (\d+)$", text.split(".Sh EXIT STATUS")[-1], re.M)
    wrong += differences(codes, re.findall(r"^  (\d+) ", main_help.split("Exit status:")[1], re.M))
    tap.check(f"{name} has the options and exit codes of --help", wrong)
tap.check("tcpautopsy.1 names every command", differences(re.findall(r"^\.It Cm (\w+)$", page_text("tcpautopsy.1"), re.M), commands))

got = []
for part in page_text("tcpautopsy-tables.5").split(".Sh TABLE ")[1:]:
    got += [(part.split("\n")[0].lower(), name) for name in re.findall(r"^\.It Va (\w+)", part, re.M)]
tap.check("tcpautopsy-tables.5 has every column in its order",
          [] if got == [(row["table"], row["column"]) for row in columns] else differences(got, [(row["table"], row["column"]) for row in columns]) or ["order"])
tap.check("tcpautopsy-verdicts.7 has every finding",
          differences(re.findall(r'^\.Ss "(\w+)"$', page_text("tcpautopsy-verdicts.7"), re.M), findings))

every_page = sorted(folder.glob("*.[157]"))
tap.check("no page is of something that is no command", differences([page.name for page in every_page],
          [*pages.values(), "tcpautopsy-tables.5", "tcpautopsy-verdicts.7"]))
if shutil.which("mandoc"):
    lint = run("mandoc", "-Tlint", "-W", "warning", *every_page)
    tap.check("mandoc's lint warns of nothing", (lint.stdout + lint.stderr).splitlines() or ([] if lint.returncode == 0 else [lint.returncode]))
else:
    skip("mandoc's lint warns of nothing", "mandoc is not installed")


def examples():
    """The commands of the pages, run one page after the other, each in a folder that holds what they name."""
    incident = captures / "queue/rec_stalled_service/capture.pcap"
    environment = dict(os.environ, LC_ALL="C.UTF-8", TZ="UTC")
    for page in every_page:
        lines = re.findall(r"^\.Dl \$ (.*)$", page.read_text(), re.M)
        if not lines:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            here = pathlib.Path(scratch)
            (here / "bin").mkdir()
            (here / "bin/tcpautopsy").symlink_to(program)
            (here / "captures").mkdir()
            for name, case in {"incident.pcap": incident, "captures/a.pcap": captures / "queue/rec_overflow_ladder/capture.pcap",
                               "captures/b.pcap": captures / "queue/rec_overflow_abort/capture.pcap",
                               "healthy.pcap": captures / "close/fin_crossing/capture.pcap"}.items():
                shutil.copy(case, here / name)
            environment["PATH"] = f"{here}/bin:{os.environ['PATH']}"
            wrong = []
            for line in lines:
                done = run("sh", "-c", line, cwd=here, env=environment)
                if done.returncode:
                    wrong += [f"$ {line} (status {done.returncode})", *done.stderr.splitlines()[:3]]
            tap.check(f"{page.name}: its {len(lines)} examples run", wrong)


# ---- completions ----

def value_words():
    """[(command, option, offered words)] of fixed words, as the completion for bash has them."""
    text = (folder / "tcpautopsy").read_text()
    text = text[text.index("_tcpautopsy_value()"):]
    found = []
    for patterns, words in re.findall(r"^    (\S.*)\) mapfile -t COMPREPLY < <\(compgen -W '([^']*)'", text, re.M):
        for pattern in patterns.split(" | "):
            command, option = pattern.split("/")
            if option.startswith("--"):
                found.append((command, option[2:], words.split()))
    return found


def words_are_taken():
    """Each word that is offered is taken by the program."""
    capture = captures / "queue/rec_overflow_abort/capture.pcap"
    needed = {"by": ["--shard", "1/1"]}
    wrong, tried = [], 0
    seen = set()
    with tempfile.TemporaryDirectory() as scratch:
        run(program, "scan", "-q", "--keep-parts", "-o", f"{scratch}/parts", capture)
        for command, option, words in value_words():
            if option != "format" and (option, tuple(words)) in seen:
                continue # the same words in another command
            seen.add((option, tuple(words)))
            for word in words:
                tried += 1
                more = {"explain": ["stream=0", capture], "schema": [], "findings": [], "diff": ["A", "A"],
                        "scan": ["-o", f"{scratch}/{tried}", capture], "report": ["-o", f"{scratch}/{tried}", capture],
                        "merge": ["-o", f"{scratch}/{tried}", f"{scratch}/parts"]}
                done = run(program, command, f"--{option}", word, *needed.get(option, []), *(["--host", "10.66.58.100"] if word in ("ss", "nstat") else []),
                           *more.get(command, [capture]))
                if done.returncode == 2:
                    wrong.append(f"{command} --{option} {word}: {done.stderr.strip()}")
    tap.check(f"the {tried} words that are offered as values are taken", wrong if tried else ["none were found"])


def words_are_complete():
    """--help names words as 'A, B, C' behind a colon, those of a command behind its name."""
    wrong, seen = [], 0
    for command, option, words in value_words():
        text = re.search(rf"^ +(?:-\w, )?--{option} .*?(?=^ +-|^$)", helps[command], re.M | re.S).group(0)
        text = re.sub(r"\([^)]*\)", "", " ".join(text.split()))
        own = re.search(rf"(?:[ ;]){command}: ([a-z, ]+)", text)
        named = own.group(1) if own else None
        if named:
            seen += 1
            wrong += [f"{command} --{option}: {line}" for line in differences(words, re.findall(r"[a-z]+", named))]
        wrong += [f"{command} --{option}: --help does not say {word}" for word in words if "," not in word and not re.search(rf"\b{word}\b", text)]
    tap.check("words that are offered as values are those of --help", wrong if seen else ["no words of a command were found in --help"])


class Terminal:
    """A shell that somebody types into."""

    def __init__(self, words, home):
        self.child, self.end = pty.fork()
        if self.child == 0:
            os.chdir(home)
            os.execvpe(words[0], words, dict(os.environ, TERM="dumb", HOME=str(home), LC_ALL="C.UTF-8"))
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", 400, 200, 0, 0))

    def type(self, keys, until, seconds=20):
        """What is shown after these keys, at the latest when `until` is in it."""
        shown = b""
        os.write(self.end, keys.encode())
        limit = time.monotonic() + seconds
        while time.monotonic() < limit and not re.search(until, shown.decode(errors="replace")):
            if select.select([self.end], [], [], 0.05)[0]:
                try:
                    shown += os.read(self.end, 65536)
                except OSError:
                    break
        while select.select([self.end], [], [], 0.05)[0]:
            try:
                shown += os.read(self.end, 65536)
            except OSError:
                break
        return shown.decode(errors="replace")

    def close(self):
        os.close(self.end)
        os.waitpid(self.child, 0)


# What is typed, and what the line has to be after the tabulator.
TYPED = {
    "tcpautopsy fl": "tcpautopsy flows",
    "tcpautopsy flows --vant": "--vantage",
    "tcpautopsy flows --vantage cl": "--vantage client",
    "tcpautopsy flows --vantage=cl": "--vantage=client",
    "tcpautopsy flows -e start,dur": "start,duration_s",
    "tcpautopsy flows --finding syn_drop_accept_f": "syn_drop_accept_full",
    "tcpautopsy findings syn_drop_accept_f": "syn_drop_accept_full",
    "tcpautopsy schema listen": "listeners",
    "tcpautopsy states --format ns": "--format nstat",
    "tcpautopsy explain str": "stream=",
    "tcpautopsy explain stream=1 inci": "incident.pcap",
    "tcpautopsy report -o res": "results/",
    "tcpautopsy diff --ign": "--ignore",
}


def typed_in(shell, words, begin):
    """Type into a real shell; the lines of TYPED, and each command's list of options."""
    with tempfile.TemporaryDirectory() as home:
        here = pathlib.Path(home)
        (here / "incident.pcap").touch()
        (here / "results").mkdir()
        terminal = Terminal(words, here)
        terminal.type(begin + "\necho rea''dy\n", r"\bready\b")
        wrong = []
        for line, wanted in TYPED.items():
            shown = terminal.type(line + "\t", re.escape(wanted))
            if wanted not in shown:
                wrong.append(f"{line}<TAB>: no {wanted} in {shown!r}")
            terminal.type("\x15", "^")
        tap.check(f"{shell}: what is typed is completed ({len(TYPED)} lines)", wrong)
        wrong = []
        for command in commands:
            shown = terminal.type(f"tcpautopsy {command} --\t\t", r"--verbose\b[^>]*--version\b[^>]*>|--version\b[^>]*>")
            got = set(re.findall(r"--([a-z][\w-]*)", shown))
            wrong += [f"{command}: {line}" for line in differences(got, options[command])]
            terminal.type("\x15", "^")
        tap.check(f"{shell}: each command's options are offered, and no others", wrong)
        terminal.type("exit\n", "^$", 0.2)
        terminal.close()


def bash_all():
    """Options with letters, and that values are asked for where one follows, in bash without a terminal."""
    script = [f"source {folder}/tcpautopsy"]
    for command in commands:
        script.append(f"COMP_WORDS=(tcpautopsy {command} -) COMP_CWORD=2; _tcpautopsy; echo \"{command}:${{COMPREPLY[*]}}\"")
    for name, (letter, takes) in everything.items():
        for flag in [f"--{name}"] + ([f"-{letter}"] if letter else []):
            script.append(f"_tcpautopsy_valued {flag}; echo \"{flag}?$?\"")
    lines = run("bash", "--norc", "-c", "\n".join(script)).stdout.splitlines()
    wrong = []
    for command in commands:
        got = next((line.split(":", 1)[1].split() for line in lines if line.startswith(command + ":")), [])
        wanted = [f"--{name}" for name in options[command]] + [f"-{letter}" for letter, _ in options[command].values() if letter]
        wrong += [f"{command}: {line}" for line in differences(got, wanted)]
    for name, (letter, takes) in everything.items():
        for flag in [f"--{name}"] + ([f"-{letter}"] if letter else []):
            if f"{flag}?{0 if takes else 1}" not in lines:
                wrong.append(f"{flag}: a value {'does not follow' if takes else 'follows'}")
    tap.check("bash: letters and names of each command's options, and whether a value follows", wrong)


def fish_all():
    lines = [f"source {folder}/tcpautopsy.fish"]
    asked = {f"{command}{dashes}": f"tcpautopsy {command} {dashes}" for command in commands for dashes in ("-", "--")}
    asked.update({line: line for line in TYPED})
    for key, line in asked.items():
        lines.append(f"echo '@@{key}'; complete -C '{line}'")
    with tempfile.TemporaryDirectory() as home:
        here = pathlib.Path(home)
        (here / "incident.pcap").touch()
        (here / "results").mkdir()
        text = run("fish", "--no-config", "-c", "\n".join(lines), cwd=here, env=dict(os.environ, HOME=home, LC_ALL="C.UTF-8")).stdout
    answers = {part.split("\n")[0]: [line.split("\t")[0] for line in part.split("\n")[1:] if line] for part in text.split("@@") if part}
    wrong = []
    for command in commands:
        letters = [f"-{letter}" for letter, _ in options[command].values() if letter]
        wrong += [f"{command}: {line}" for line in differences(answers.get(command + "--", []), [f"--{name}" for name in options[command]])]
        wrong += [f"{command}: {line}" for line in differences([word for word in answers.get(command + "-", []) if re.fullmatch("-[A-Za-z]", word)], letters)]
    tap.check("fish: each command's options are offered, and no others", wrong)
    tap.check(f"fish: what is typed is completed ({len(TYPED)} lines)",
              [f"{line}: {answers.get(line)}" for line, wanted in TYPED.items()
               if not any(wanted.split()[-1].split("=")[-1].rstrip("/") in word for word in answers.get(line, []))])


def zsh_letters():
    """The letters stand in the file, where a terminal lists names and letters in columns of its own."""
    text = (folder / "_tcpautopsy").read_text()
    wrong = []
    for command in commands:
        part = re.search(rf"^    {command}\)\n(.*?)^        ;;", text, re.M | re.S)
        got = re.findall(r"'\*(-\w)[+\[]", part.group(1)) if part else []
        wrong += [f"{command}: {line}" for line in differences(got, [f"-{letter}" for letter, _ in options[command].values() if letter])]
    tap.check("zsh: letters of each command's options", wrong)


examples()
words_are_taken()
words_are_complete()
bash_all()
typed_in("bash", ["bash", "--norc", "-i"], f"PS1='> '; bind 'set page-completions off'; bind 'set completion-query-items -1'; source {folder}/tcpautopsy")
zsh_letters()
if shutil.which("zsh"):
    typed_in("zsh", ["zsh", "-f", "-i"], f"PS1='> '; fpath=({folder} $fpath); autoload -Uz compinit; compinit -D -u; LISTMAX=10000; "
             "zstyle ':completion:*' verbose no")
else:
    skip("zsh: what is typed is completed", "zsh is not installed")
    skip("zsh: each command's options are offered, and no others", "zsh is not installed")
if shutil.which("fish"):
    fish_all()
else:
    skip("fish: each command's options are offered, and no others", "fish is not installed")
    skip("fish: what is typed is completed", "fish is not installed")
tap.end()
