"""Benchmarks/scale: does anything grow with the number of jobs?

Runs N jobs in one queue, kills the run at 50 %, measures how fast it resumes, and lets it finish.
"""

import argparse
import json
import os
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Any

import child
import machine
import measure
import origin
import resume
import works
from sampling import Queue, Sample, Sampler, columns

RESUMES = 5
CONTROL_REQUESTS, CONTROL_RUNS = 300_000, 3
COMMIT_INTERVAL_S = 0.1
FREE_BYTES_MIN = 1 << 30
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RESULTS = machine.REPOSITORY / "Benchmarks" / "results"
RUNNER, FLOOR = (machine.FOLDER / "bin" / name for name in ("runner", "floor"))


def main() -> int:
    options = parse()
    for number in STOP_SIGNALS:
        # As under nohup, what is ignored stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    folder: Path | None = None
    try:
        # Workers, idle connections of clients killed before, and a few files.
        machine.allow_descriptors(2 * options.workers + 100)
        base = machine.FOLDER / "tmp"
        base.mkdir(parents=True, exist_ok=True)
        machine.require_disk(base)
        require_space(base)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="scale-", dir=base))
        result = scale(options.jobs, options.workers, options.over, folder)
        write(options.out, result)
        note(f"written: {options.out}")
        print(json.dumps(result["summary"], indent=2))
        failed = [name for name, holds in result["checks"].items() if not holds]
        for name in failed:
            note(f"does not hold: {name}")
        return 1 if failed else 0
    except (machine.Unready, measure.Failed) as error:
        note(str(error))
        return 1
    except (OSError, sqlite3.Error, subprocess.SubprocessError) as error:
        note(f"the benchmark cannot go on: {error}")
        return 1
    except KeyboardInterrupt:
        note("interrupted; what it started is stopped")
        return 130
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def scale(jobs: int, workers: int, over: str, folder: Path) -> dict[str, Any]:
    """The whole measurement, in its order. Its files are in `folder`."""
    facts = machine.facts()
    queue = Queue(folder / "queue.db", RUNNER)
    run = run_command(queue.path, workers, over)
    ports = origin.free_ports()
    controls = Controls(workers, over, folder)

    with origin.nginx(folder / "nginx", ports) as server:
        pids = processes(server, folder / "nginx")
        sampler = Sampler(queue, jobs, lambda: sum(map(child.cpu_s, pids)), note)
        controls.take("before", server)
        enqueued = enqueue(queue.path, jobs, server.url("/{}", over), folder)
        served_before = server.requests()
        with child.Child(run) as first:
            sampler.follow(first, until_jobs=jobs // 2)
            if first.exit_code() is not None:
                raise early(first)
            first.kill()
        killed_at = queue.last_commit().jobs_done
        first_peak = sampler.peak_rss_bytes
        served = settled_requests(server) - served_before
        note(f"killed at {killed_at:,} jobs")
        controls.take("middle", server)

    resumes_ms = []
    for _ in range(RESUMES):
        resumes_ms.append(round(resume.first_request_ms(run, ports[over], over != "http"), 2))
        note(f"resumed to the first request in {resumes_ms[-1]} ms")

    with origin.nginx(folder / "nginx", ports) as server:
        pids = processes(server, folder / "nginx")
        served_before = server.requests()
        with child.Child(run) as second:
            sampler.follow(second, until_jobs=jobs)
            code = second.wait()
            if code != 0:
                raise early(second)
        queue_bytes, wal_bytes = queue.sizes()
        served += settled_requests(server) - served_before
        counts, _ = queue.status()
        controls.take("after", server)

    samples = sampler.samples
    wall_s = (first.ended_s - first.started_s) + (second.ended_s - second.started_s)
    machine_cpu_s = wall_s * os.cpu_count()
    other_cpu_s = sum(max(s.other_cpu_s for s in samples if s.part == part) for part in (1, 2))
    cpu_s = first.total_cpu_s + second.total_cpu_s
    repeated = served - jobs
    rate_at_kill = statistics.median(rates(samples, 1)[-3:])
    repeated_max = round(workers + COMMIT_INTERVAL_S * rate_at_kill)
    return {
        "jobs": jobs,
        "workers": workers,
        "over": over,
        "machine": facts,
        "summary": {
            "wall_s": round(wall_s, 2),
            "jobs_per_s": round(jobs / wall_s),
            "cpu_s": round(cpu_s, 2),
            "cpu_us_per_job": round(cpu_s / jobs * 1e6, 2),
            "enqueue_ms": round(enqueued.wall_s * 1000),
            "peak_rss_bytes_before_kill": first_peak,
            "peak_rss_bytes_after_kill": sampler.peak_rss_bytes,
            "queue_bytes_closed": queue_bytes,
            "wal_bytes_closed": wal_bytes,
            "wal_bytes_max": max(s.wal_bytes for s in samples),
            "resume_ms": resumes_ms,
            "status_ms": spread([s.status_ms for s in samples if s.status_ms is not None]),
            "jobs_per_s_first_percent": samples[0].jobs_per_s,
            "jobs_per_s_last_percent": samples[-1].jobs_per_s,
            "first_tenth": tenth(samples[:10]),
            "last_tenth": tenth(samples[-10:]),
            "killed_at_jobs": killed_at,
            "requests_served": served,
            "requests_repeated": repeated,
            "requests_repeated_max": repeated_max,
        },
        "controls": {
            "floor_per_s": controls.floor_per_s,
            "fresh_queue_per_s": controls.fresh_per_s,
            "other_cpu_percent": round(other_cpu_s / machine_cpu_s * 100, 1),
            "watcher_cpu_percent": round(sampler.watcher_cpu_s / machine_cpu_s * 100, 1),
            "watcher_polls": sampler.polls,
        },
        "checks": {
            "exit code 0": code == 0,
            "all jobs completed": counts["jobs"]["completed"] == counts["jobs"]["total"] == jobs,
            "each 1 % sampled": [s.percent for s in samples] == list(range(1, 101)),
            "requests repeated within the bound": 0 <= repeated <= repeated_max,
            "no log left": wal_bytes == 0,
        },
        "samples": columns(samples),
    }


class Controls:
    """How fast the machine is at some moments, whatever the number of jobs.

    A shared machine drifts, so a rate that falls during a run proves nothing alone. Bare libcurl
    has no queue, and a fresh queue of few jobs nothing that could have grown: where these fall
    along, it was the machine.

    Attributes:
        floor_per_s: Requests/s of bare libcurl, a list of runs for each moment.
        fresh_per_s: Jobs/s of the runner on a fresh queue, not watched, in turns with the floor.
    """

    def __init__(self, workers: int, over: str, folder: Path) -> None:
        self.floor_per_s: dict[str, list[int]] = {}
        self.fresh_per_s: dict[str, list[int]] = {}
        self._workers = workers
        self._over = over
        self._folder = folder

    def take(self, moment: str, server: origin.Nginx) -> None:
        floor, fresh = [], []
        for _ in range(CONTROL_RUNS):
            url = server.url("/{}", self._over)
            command = [FLOOR, CONTROL_REQUESTS, url, self._workers]
            floor.append(self._per_s([*command, *options(self._over, works.FLOOR)]))
            path = self._folder / "fresh.db"
            enqueue(path, CONTROL_REQUESTS, url, self._folder)
            fresh.append(self._per_s(run_command(path, self._workers, self._over)))
            for file in self._folder.glob("fresh.db*"):
                file.unlink()
        self.floor_per_s[moment], self.fresh_per_s[moment] = floor, fresh
        note(f"floor: {listed(floor)} requests/s; fresh queue: {listed(fresh)} jobs/s")

    def _per_s(self, command: list[Any]) -> int:
        cost = measure.run(list(map(str, command)), self._folder)
        return round(CONTROL_REQUESTS / cost.wall_s)


def run_command(queue: Path, workers: int, over: str) -> list[str]:
    command = [str(RUNNER), "run", "-q", f"--workers={workers}", f"--queue={queue}"]
    return [*command, *options(over, works.RUNNER)]


def options(over: str, program: str) -> tuple[str, ...]:
    """What a program is told besides, as in the work of the same name."""
    return () if over == "http" else works.WORKS[over].options[program]


def enqueue(queue: Path, jobs: int, url: str, folder: Path) -> measure.Cost:
    command = [str(RUNNER), "enqueue", f"--queue={queue}", f"--range=0..{jobs}"]
    return measure.run([*command, f"--url={url}"], folder)


def listed(values: list[int]) -> str:
    return ", ".join(f"{value:,}" for value in values)


def processes(server: origin.Nginx, nginx: Path) -> list[int]:
    """The process IDs of the nginx whose files are in a folder: its master and its worker."""
    pid_file = nginx / "nginx.pid"
    deadline_s = time.monotonic() + origin.START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        if pid_file.exists() and (text := pid_file.read_text().strip()):
            children = Path(f"/proc/{text}/task/{text}/children").read_text().split()
            if children:
                return [int(text), *map(int, children)]
        time.sleep(0.02)
    # Another program answers on its port.
    said = origin.last_line(nginx / "nginx.log")
    raise machine.Unready(f"nginx did not start on port {server.ports['http']}: {said}")


def settled_requests(server: origin.Nginx) -> int:
    """The requests served, once those that a killed client had sent are served too."""
    last, now = -1, server.requests()
    while now - last > 1:  # Asking is a request itself.
        last = now
        time.sleep(0.2)
        now = server.requests()
    return now


def rates(samples: list[Sample], part: int) -> list[int]:
    return [s.jobs_per_s for s in samples if s.part == part and s.jobs_per_s is not None]


def tenth(samples: list[Sample]) -> dict[str, float | int]:
    """The median rate of ten samples, and what runner and origin spent per job between the first
    and the last of them. The origin does the same work for each request, so if its cost rises
    along, it is the machine that has become slower."""
    first, last = samples[0], samples[-1]
    jobs = last.jobs_done - first.jobs_done
    return {
        "jobs_per_s": round(statistics.median(s.jobs_per_s for s in samples if s.jobs_per_s)),
        "cpu_us_per_job": round((last.cpu_s - first.cpu_s) / jobs * 1e6, 2),
        "origin_cpu_us_per_job": round((last.origin_cpu_s - first.origin_cpu_s) / jobs * 1e6, 2),
        "other_cpu_s": round(last.other_cpu_s - first.other_cpu_s, 2),
    }


def spread(values: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 2), "max": max(values)}


def early(run: child.Child) -> measure.Failed:
    return measure.Failed(f"the run ended early with {run.exit_code()}: {run.last_words()}")


def require_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES_MIN:
        raise machine.Unready(
            f"{free >> 20} MiB are free at {folder}, {FREE_BYTES_MIN >> 20} are needed"
        )


def write(path: Path, result: dict[str, Any]) -> None:
    """Writes JSON with one line a column, and replaces what is at `path` only when it is whole."""
    text = json.dumps(result, indent=1)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda match: re.sub(r"\s+", "", match[0]), text)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text + "\n")
    os.replace(partial, path)


def note(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)


def stop(number: int, frame: FrameType | None) -> None:
    """Ends the benchmark in order; a second signal does not disturb that."""
    for other in STOP_SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scale", description=__doc__)
    parser.add_argument("jobs", type=number_of_jobs, metavar="N", help="jobs: 1M, 200k, 300000")
    parser.add_argument("--workers", type=int, default=1000, help="requests in flight (1000)")
    parser.add_argument(
        "--over", choices=["http", "https1", "https2"], default="http",
        help="the protocol; https1 and https2: HTTPS with HTTP/1.1 and HTTP/2, verified (http)")
    parser.add_argument("--out", type=Path, help="default: Benchmarks/results/scale-N[-OVER].json")
    options = parser.parse_args()
    if options.workers < 1:
        parser.error("--workers must be 1 or more")
    over = "" if options.over == "http" else f"-{options.over}"
    options.out = options.out or RESULTS / f"scale-{short(options.jobs)}{over}.json"
    return options


def number_of_jobs(text: str) -> int:
    match = re.fullmatch(r"(\d[\d_]*)([kM]?)", text)
    jobs = int(match[1]) * {"": 1, "k": 1_000, "M": 1_000_000}[match[2]] if match else 0
    if jobs < 100_000:
        raise argparse.ArgumentTypeError(f"{text} is not a number of jobs from 100k on")
    return jobs


def short(jobs: int) -> str:
    """1000000 as 1M, 200000 as 200k."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if jobs % size == 0:
            return f"{jobs // size}{unit}"
    return str(jobs)


if __name__ == "__main__":
    sys.exit(main())
