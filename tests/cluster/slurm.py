# SPDX-License-Identifier: MIT
"""A Slurm of two nodes on this machine, for as long as a test runs.

    munged <- slurmctld <-> slurmd n1 -> slurmstepd -> job
                        <-> slurmd n2 -> slurmstepd -> job

All of it is private: keys, sockets, ports of the loopback, state and logs below one folder. The daemons stay in the foreground
as children of this process, and whatever loses its parent becomes a child of this process too (PR_SET_CHILD_SUBREAPER), so that the
end finds all of them; if this process is killed, the kernel kills the daemons (PR_SET_PDEATHSIG).

The configuration is the least that works without cgroups, accounting and a user of its own, for root and for others: each line was
needed, or makes the scheduler quick enough for a test. Tried with Slurm 22.05.
"""

import contextlib
import ctypes
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time

PACKAGES = ("slurm-wlm", "slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "scontrol", "sinfo", "squeue")
NODES = ("n1", "n2")
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
PATIENCE = 60  # seconds for anything that takes one or two

CONFIGURATION = """\
ClusterName=t
SlurmctldHost={host}(127.0.0.1)
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0,bf_interval=1
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/slurmd.%n
SlurmctldPort={ports[0]}
ReturnToService=2
SlurmdTimeout={lost_after}
MessageTimeout=10
KillWait=5
MaxArraySize=10001
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory=65536 State=UNKNOWN
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory=65536 State=UNKNOWN
PartitionName=p Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


class Trouble(Exception):
    """The cluster does not do what it should: with words."""


def until(what, ask, patience=PATIENCE, pause=0.05):
    """Ask again until the answer is something; Trouble when it takes too long."""
    end = time.monotonic() + patience
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Trouble(f"waited {patience} s for {what}")
        time.sleep(pause)


def missing_programs():
    return [name for name in PROGRAMS if not find_program(name)]


def find_program(name):
    """Daemons are in folders that are not in everybody's PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def free_ports(count):
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]


def prctl(*arguments):
    ctypes.CDLL(None, use_errno=True).prctl(*arguments)


def die_with_parent(number):
    """The kernel sends this signal when the process that made this one ends."""
    prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


def parent_of(pid):
    """0 of a process that is gone."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def is_running(pid):
    """Not so if it is gone, or has ended and nobody asked yet how."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def command_of(pid):
    """Its file's name. slurmstepd writes its job over its arguments."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def node_of(pid):
    """Where Slurm started it: every process of a job has this in its environment."""
    with contextlib.suppress(OSError):
        for one in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if one.startswith(b"SLURMD_NODENAME="):
                return one.partition(b"=")[2].decode()
    return ""


def descendants(pid):
    """Processes below this one, itself left out."""
    children = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        children.setdefault(parent_of(folder.name), []).append(int(folder.name))
    found, new = [], [pid]
    while new:
        new = [child for one in new for child in children.get(one, ())]
        found += new
    return found


def kill_descendants():
    """Of this process: all, until none is left."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not descendants(os.getpid()):
            return
        time.sleep(0.05)
    raise Trouble("processes are left: " + " ".join(map(str, descendants(os.getpid()))))


class Slurm:
    """Started by `with`, stopped at its end however that comes."""

    def __init__(self, folder, lost_after=300):
        """lost_after: seconds of silence until a node counts as lost; the standard does for a machine that is busy."""
        self.folder, self.daemons, self.lost_after = pathlib.Path(folder), {}, lost_after
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
        self.environment["SLURM_CONF"] = str(self.folder / "slurm.conf")

    def __enter__(self):
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    # ---- daemons ----

    def start(self):
        for name in ("munge", "state", "log", *(f"spool/{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True)
        host = socket.gethostname().split(".")[0]
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            folder=self.folder, host=host, ports=free_ports(3), user=pwd.getpwuid(os.getuid()).pw_name, lost_after=self.lost_after))
        self.start_munge()
        self.launch("slurmctld", "slurmctld", "-D", "-c")
        for node in NODES:
            self.start_node(node)
        until("both nodes to be idle", lambda: self.node_states().count("idle") == len(NODES))

    def start_munge(self):
        folder = self.folder / "munge"
        (folder / "key").write_bytes(secrets.token_bytes(128))
        (folder / "key").chmod(0o400)
        folder.chmod(0o711)
        self.launch("munged", "munged", "--foreground", "--force", f"--key-file={folder}/key", f"--socket={folder}/socket",
                    f"--pid-file={folder}/pid", f"--log-file={folder}/log", f"--seed-file={folder}/seed")
        until("munged to listen", (folder / "socket").exists)

    def start_node(self, node):
        self.launch(node, "slurmd", "-D", "-N", node)

    def launch(self, name, program, *arguments):
        with open(self.folder / "log" / f"{name}.out", "ab") as log:
            self.daemons[name] = subprocess.Popen(
                [find_program(program), *arguments], env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
                preexec_fn=lambda: die_with_parent(signal.SIGKILL))

    def stop(self):
        """First as an administrator does, so that nothing is written to any more; then what is left."""
        with contextlib.suppress(Trouble, OSError):
            self.ask("scontrol", "shutdown", patience=10)
        for daemon in self.daemons.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.terminate()
                daemon.wait(timeout=5)
        kill_descendants()

    def lose_node(self, node):
        """As if its network failed: the node is gone, and processes of jobs go on, orphans."""
        slurmd = self.daemons.pop(node)
        keepers = {parent_of(pid) for pid in descendants(os.getpid()) if node_of(pid) == node}
        for pid in [slurmd.pid, *(pid for pid in keepers if command_of(pid) == "slurmstepd")]:
            os.kill(pid, signal.SIGKILL)
        slurmd.wait(timeout=PATIENCE)

    # ---- asking ----

    def ask(self, *command, patience=PATIENCE, cwd=None, environment=None):
        try:
            done = subprocess.run(command, env={**self.environment, **(environment or {})}, cwd=cwd or self.folder,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=patience, check=False)
        except subprocess.TimeoutExpired as error:
            raise Trouble(f"{' '.join(map(str, command))}: no answer in {patience} s") from error
        if done.returncode:
            raise Trouble(f"{' '.join(map(str, command))}: status {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def look(self, *command):
        """Asks what changes nothing: once more, where the answer did not come in time."""
        for _ in range(3):
            with contextlib.suppress(Trouble):
                return self.ask(*command, patience=20)
            time.sleep(1)
        return self.ask(*command)

    def node_states(self):
        """None of a controller that does not answer yet."""
        with contextlib.suppress(Trouble):
            return self.ask("sinfo", "-h", "-N", "-o", "%t", patience=10).split()
        return []

    def tasks(self, job):
        """State of each task that is not over, by its number; None: of a job without tasks."""
        lines = self.look("squeue", "-h", "-r", "-o", "%A %F %K %T").splitlines()
        rows = [line.split() for line in lines]
        return {int(task) if task.isdigit() else None: state for _, array, task, state in rows if array == str(job)}

    def records(self, job):
        """Of each task, over or not: what scontrol shows of it."""
        text = self.look("scontrol", "show", "job", "-o", str(job))
        rows = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in text.splitlines()]
        return {int(row["ArrayTaskId"]) if row.get("ArrayTaskId", "").isdigit() else None: row for row in rows}

    def wait(self, job, patience=PATIENCE):
        """Until all of its tasks are over: their records."""
        until(f"job {job} to end", lambda: not self.tasks(job), patience, 0.2)
        return self.records(job)

