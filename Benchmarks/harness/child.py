"""A program the harness started: what it uses while it runs, and how it ended."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """Resident memory of a process, from `/proc/PID/status`."""

    rss_bytes: int
    peak_rss_bytes: int


def cpu_s(pid: int) -> float:
    """CPU seconds (user and system, all threads) that process `pid` has used, to the nanosecond.

    `/proc/PID/stat` has only ticks of 10 ms, too coarse for 1 % of a short run. This is the clock
    that clock_getcpuclockid(3) gives; Python does not offer the call, so its ID is made here as
    the kernel does in MAKE_PROCESS_CPUCLOCK.
    """
    cpuclock_sched = 2
    try:
        return time.clock_gettime((~pid << 3) | cpuclock_sched)
    except OSError:
        raise ProcessLookupError(f"process {pid} has ended") from None


def memory(pid: int) -> Memory | None:
    """The resident memory of process `pid`, or None when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Vm")}
    if "VmRSS" not in kb:  # A zombie has none.
        return None
    return Memory(rss_bytes=kb["VmRSS"] * 1024, peak_rss_bytes=kb["VmHWM"] * 1024)


class Child:
    """A started program. Its stdout is dropped, its stderr kept in memory, for disks may be full.

    Attributes:
        started_s: Monotonic time just before it was spawned.
        ended_s: Monotonic time its end was seen, or None.
        total_cpu_s: CPU seconds of its whole life, once it has ended.
    """

    def __init__(self, command: list[str]) -> None:
        """Starts `command`. It gets a group of its own, so that Ctrl-C reaches the harness alone,
        which then ends it in order."""
        self.command = command
        self._stderr = os.fdopen(os.memfd_create("stderr"), "w+b")
        self.ended_s: float | None = None
        self.total_cpu_s = 0.0
        self.started_s = time.monotonic()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            process_group=0,
        )
        self.pid = self._process.pid

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal, or None while it runs. Does not wait."""
        return self._reap(os.WNOHANG)

    def wait(self) -> int:
        """Waits for the end, and returns the exit code, negative for a signal."""
        code = self._reap(0)
        assert code is not None
        return code

    def kill(self) -> None:
        """Sends SIGKILL and waits for the end. Does nothing when it has ended already."""
        if self.exit_code() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def last_words(self) -> str:
        """The last line it wrote to stderr."""
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "it printed nothing"

    def _reap(self, options: int) -> int | None:
        # wait4 and not Popen.wait: only it says how much CPU time the process took.
        if self._process.returncode is None:
            pid, status, usage = os.wait4(self.pid, options)
            if pid == 0:
                return None
            self.ended_s = time.monotonic()
            self.total_cpu_s = usage.ru_utime + usage.ru_stime
            self._process.returncode = os.waitstatus_to_exitcode(status)
        return self._process.returncode
