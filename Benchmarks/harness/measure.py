"""Runs one program and tells what it cost."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from origin import last_line

TIMEOUT_S = 900


class Failed(Exception):
    """A program failed, so what it cost means nothing. The message is one line."""


@dataclass(frozen=True)
class Cost:
    """What a program used from its start to its end.

    wall_s: seconds that passed.
    cpu_s: seconds of processor time, user and system, all its threads and children.
    peak_rss_mb: most resident memory at a time, in 10^6 bytes; of its children the largest.
    started_s: Unix time just before it was started.
    """

    wall_s: float
    cpu_s: float
    peak_rss_mb: float
    started_s: float


def run(command: list[str], folder: Path, timeout_s: float = TIMEOUT_S) -> Cost:
    """Runs `command` in `folder`, which also gets its output (output.txt).

    Throws `Failed` unless it exits with 0 in time.
    """
    # Not getrusage: a child that Python starts begins with Python's own peak as its `ru_maxrss`,
    # which execve(2) does not reset. GNU time is small, so what it reports is the program's.
    report = folder / "time.txt"
    timed = ["/usr/bin/time", "-o", str(report), "-f", "%e %U %S %M", *command]
    with open(folder / "output.txt", "wb") as sink:
        started_s = time.time()
        try:
            process = subprocess.Popen(
                timed,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise Failed(f"cannot start {timed[0]}: {error.strerror}") from None
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"was still running after {timeout_s} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if status != 0:
        said = last_line(folder / "output.txt")
        raise Failed(f"ended with status {status}: {said}")
    wall_s, user_s, system_s, peak_kib = report.read_text().splitlines()[-1].split()
    cpu_s, peak_rss_mb = float(user_s) + float(system_s), int(peak_kib) * 1024 / 1e6
    return Cost(float(wall_s), cpu_s, peak_rss_mb, started_s)
