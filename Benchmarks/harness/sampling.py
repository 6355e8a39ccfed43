"""Watches a run from outside: at each 1 % of the jobs, how fast it is and what it uses.

The watcher must not disturb what it watches: it reads the queue's tallies (a few rows) about ten
times for each 1 %, on a connection that is open for less than a millisecond, and counts its own
CPU time.
"""

import json
import os
import resource
import select
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import child

MARKS = 100  # samples of a run: one at each 1 %
POLLS_PER_MARK = 10
POLL_S_MIN, POLL_S_MAX = 0.04, 0.5  # commits come every 0.1 s


@dataclass(frozen=True)
class Sample:
    """The state of a run when `percent` of its jobs were done.

    Units are in the names. `cpu_s` and `origin_cpu_s` count from the start of the part of the run
    (before or after the kill). None: the process had ended, or (status) the mark shared its poll
    with a later one.
    """

    percent: int
    part: int  # 1: before the kill, 2: after it
    elapsed_s: float  # running time of both parts so far
    jobs_done: int
    jobs_per_s: int | None  # since the sample before; None before the first commit was seen
    rss_bytes: int | None
    peak_rss_bytes: int | None
    cpu_s: float | None
    origin_cpu_s: float | None
    other_cpu_s: float  # of the whole machine, without runner, origin and watcher, since the start
    queue_bytes: int
    wal_bytes: int
    status_ms: float | None


def columns(samples: list[Sample]) -> dict[str, list[float | int | None]]:
    """Samples as one list a field, which keeps the results file short."""
    return {f.name: [getattr(s, f.name) for s in samples] for f in fields(Sample)}


@dataclass(frozen=True)
class Knot:
    """How many jobs had been committed at a moment (monotonic time).

    `is_commit` is False when no runner is left to say when its last commit was: then it is the
    moment we looked.
    """

    time_s: float
    jobs_done: int
    is_commit: bool


class Queue:
    """A queue file as an observer sees it."""

    def __init__(self, path: Path, runner: Path) -> None:
        self.path = path
        self.status_cpu_s = 0.0  # of all calls of `status` so far
        self._runner = runner

    def last_commit(self) -> Knot | None:
        """The jobs completed with 200, and when that was committed; None while it is locked.

        Each commit stamps its runner's heartbeat, so the time is exact however rarely we look.

        The connection is not kept: the last one to close a queue removes its log, and an observer
        that stays through a kill would spare the next run the recovery we want to measure.
        """
        now_s = time.monotonic()
        unix_now_us = time.time_ns() // 1000
        try:
            connection = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, timeout=0)
            try:
                done, heartbeat_us = connection.execute("""
                    SELECT (SELECT coalesce(sum(count), 0) FROM tally
                            JOIN outcome ON code = outcome
                            WHERE state = 'completed' AND status = 200),
                           (SELECT max(heartbeat_us) FROM runner)
                    """).fetchone()
            finally:
                connection.close()
        except sqlite3.OperationalError as error:
            # Busy for a moment while a runner recovers or closes the queue.
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return None
            raise
        if heartbeat_us is None:  # No runner is registered: it has finished.
            return Knot(now_s, done, is_commit=False)
        return Knot(now_s - (unix_now_us - heartbeat_us) / 1e6, done, is_commit=True)

    def sizes(self) -> tuple[int, int]:
        """Bytes of the queue file, and of its write-ahead log (0 when there is none)."""
        log = self.path.with_name(self.path.name + "-wal")
        try:
            log_bytes = log.stat().st_size
        except FileNotFoundError:
            log_bytes = 0
        return self.path.stat().st_size, log_bytes

    def status(self) -> tuple[dict, float]:
        """What `runner status --json` says, and how many ms it took from spawn to end."""
        command = [self._runner, "status", "--json", "--queue", self.path]
        start_cpu_s = waited_cpu_s()
        start_s = time.monotonic()
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        took_ms = (time.monotonic() - start_s) * 1000
        self.status_cpu_s += waited_cpu_s() - start_cpu_s
        return json.loads(result.stdout), took_ms


class Sampler:
    """Takes the samples of one run, over both its parts."""

    def __init__(
        self,
        queue: Queue,
        jobs: int,
        origin_cpu_s: Callable[[], float],
        note: Callable[[str], None],
    ) -> None:
        """
        Args:
            queue: The queue of the run.
            jobs: How many jobs it has.
            origin_cpu_s: Says the CPU seconds the origin has used.
            note: Told a line about each sample.
        """
        self.samples: list[Sample] = []
        self.polls = 0
        self._queue = queue
        self._jobs = jobs
        self._origin_cpu_s = origin_cpu_s
        self._note = note
        self._part = 0
        self._elapsed_s = 0.0  # of the parts before this one
        self._watcher_cpu_s = 0.0  # of the parts before this one

    def follow(self, run: child.Child, until_jobs: int) -> None:
        """Samples `run` till `until_jobs` are done or it has ended, whichever is first."""
        self._part += 1
        self._run = run
        self._until_jobs = until_jobs
        self._memory = child.Memory(0, 0)
        self._origin_start_s = self._origin_cpu_s()
        self._machine_start_s = busy_cpu_s()
        self._watcher_start_s = time.process_time() + self._queue.status_cpu_s
        last: Knot | None = None  # the last commit seen
        marked: Knot | None = None  # the last mark
        end = os.pidfd_open(run.pid)
        try:
            while True:
                ended = run.exit_code() is not None
                knot = self._queue.last_commit()
                self.polls += 1
                self._memory = child.memory(run.pid) or self._memory
                if knot is not None and (last is None or knot.jobs_done > last.jobs_done):
                    # What precedes the first commit is the start of the program, not its rate.
                    if last is not None and marked is not None:
                        marked = self._take(last, knot, marked, ended)
                    elif last is not None:
                        marked = knot
                        self._take(last, knot, marked, ended)
                    last = knot
                if ended or (last is not None and last.jobs_done >= until_jobs):
                    break
                select.select([end], [], [], self._pause_s(last))
        finally:
            os.close(end)
        self._watcher_cpu_s += self._watcher_part_s()
        self._elapsed_s += (run.ended_s or time.monotonic()) - run.started_s

    @property
    def watcher_cpu_s(self) -> float:
        """CPU seconds the watcher has used in the parts followed, `status` among it."""
        return self._watcher_cpu_s

    @property
    def peak_rss_bytes(self) -> int:
        """The peak of the part followed last, as seen by its last poll."""
        return self._memory.peak_rss_bytes

    def _watcher_part_s(self) -> float:
        return time.process_time() + self._queue.status_cpu_s - self._watcher_start_s

    def _pause_s(self, last: Knot | None) -> float:
        """Till the next poll: a tenth of 1 % of the jobs at the average rate, less near the end."""
        if last is None or last.jobs_done == 0:
            return POLL_S_MIN
        running_s = self._elapsed_s + time.monotonic() - self._run.started_s
        jobs = min(self._jobs / MARKS / POLLS_PER_MARK, (self._until_jobs - last.jobs_done) / 2)
        return min(max(running_s / last.jobs_done * jobs, POLL_S_MIN), POLL_S_MAX)

    def _take(self, before: Knot, after: Knot, last: Knot, ended: bool) -> Knot:
        """Takes a sample for each 1 % mark between two commits. Returns the last knot of a mark.

        The time of a mark is interpolated: jobs come evenly, their commits in steps.
        """
        first = before.jobs_done * MARKS // self._jobs + 1
        marks = range(first, after.jobs_done * MARKS // self._jobs + 1)
        for percent in marks:
            done = percent * self._jobs // MARKS
            share = (done - before.jobs_done) / (after.jobs_done - before.jobs_done)
            time_s = before.time_s + share * (after.time_s - before.time_s)
            mark = Knot(time_s, done, is_commit=True)
            # The last jobs wait for each other, and the queue is closed: the run takes that time,
            # once, but it is no rate.
            to = mark if after.is_commit or before.jobs_done <= last.jobs_done else before
            rate = None
            if to.jobs_done > last.jobs_done and to.time_s > last.time_s:
                rate = round((to.jobs_done - last.jobs_done) / (to.time_s - last.time_s))
                last = mark
            self._add(percent, mark, rate, ended, with_status=percent == marks[-1])
        return last

    def _add(
        self, percent: int, mark: Knot, rate: int | None, ended: bool, with_status: bool
    ) -> None:
        queue_bytes, wal_bytes = self._queue.sizes()
        runner_s = self._run.total_cpu_s if ended else child.cpu_s(self._run.pid)
        origin_s = self._origin_cpu_s() - self._origin_start_s
        other_s = busy_cpu_s() - self._machine_start_s
        other_s -= runner_s + origin_s + self._watcher_part_s()
        sample = Sample(
            percent=percent,
            part=self._part,
            elapsed_s=round(self._elapsed_s + mark.time_s - self._run.started_s, 3),
            jobs_done=mark.jobs_done,
            jobs_per_s=rate,
            rss_bytes=None if ended else self._memory.rss_bytes,
            peak_rss_bytes=self._memory.peak_rss_bytes,
            cpu_s=round(runner_s, 4),
            origin_cpu_s=round(origin_s, 4),
            other_cpu_s=round(other_s, 2),
            queue_bytes=queue_bytes,
            wal_bytes=wal_bytes,
            status_ms=round(self._queue.status()[1], 2) if with_status else None,
        )
        self.samples.append(sample)
        self._note(
            f"{percent:3} %  {sample.elapsed_s:8.1f} s  {rate or 0:7,} jobs/s"
            f"  {(sample.rss_bytes or 0) / 1e6:5.1f} MB"
        )


def waited_cpu_s() -> float:
    """CPU seconds of the programs that have been started and waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def busy_cpu_s() -> float:
    """CPU seconds all cores have been busy or were withheld by the hypervisor since boot.

    To 10 ms a core.
    """
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    with open("/proc/stat") as file:
        ticks = dict(zip(names, map(int, file.readline().split()[1:])))
    return sum(ticks[n] for n in names if n not in ("idle", "iowait")) / 100
