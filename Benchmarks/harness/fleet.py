"""Benchmarks/fleet: measures a queue in PostgreSQL under many runners. See Benchmarks/README.md."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import fleet_model
from fleet_server import Server, free_port

REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS = REPOSITORY / "Benchmarks" / "results" / "fleet.json"
PARTS = ["load", "status", "runs", "hold"]

Figures = dict[str, Any]


def program(name: str) -> str:
    return str(Path(os.environ["RUNNER_PRODUCTS"]) / name)


def enqueue(url: str, jobs: int, template: str = "http://127.0.0.1:1/{id}") -> float:
    """The seconds that it took."""
    begin = time.monotonic()
    subprocess.run(
        [program("runner"), "enqueue", "--queue", url, "--range", f"0..{jobs}", "--url", template],
        check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def load(server: Server, runners: int, seconds: int, rate: int = 1000,
         snapshot: bool = False) -> Figures:
    """What so many runners did, and what that cost the server."""
    database = server.database()
    url = server.url(database)
    enqueue(url, 10**10)
    child = subprocess.Popen(
        [program("fleet-load"), "--queue", url, "--runners", str(runners), "--rate", str(rate),
         "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True)
    holder = None
    assert child.stdout is not None
    if "ready" not in child.stdout.readline():
        raise SystemExit("fleet-load did not begin")
    if snapshot:
        holder = subprocess.Popen(server.psql(database), stdin=subprocess.PIPE, text=True,
                                  stdout=subprocess.DEVNULL)
        assert holder.stdin is not None
        holder.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM runner.log;\n")
        holder.stdin.flush()
        time.sleep(1)
    cpu, wal = server.cpu_seconds(), server.wal_bytes()
    figures: Figures = json.loads(child.stdout.readline())
    cpu, wal = server.cpu_seconds() - cpu, server.wal_bytes() - wal
    child.wait()
    if holder is not None:
        holder.communicate("COMMIT;\n")
    server.sql(f"DROP DATABASE {database} WITH (FORCE)", "postgres")
    # Others that use the machine are told of beside the figures.
    millions = figures["jobs"] / 1e6
    return figures | {
        "runners": runners, "asked_per_s": runners * rate,
        "jobs_per_s": figures["jobs"] / figures["seconds"],
        "cpu_s_per_million": cpu / millions, "wal_mb_per_million": wal / 1e6 / millions,
        "cpu_us_per_commit": cpu * 1e6 / figures["commits"], "cores": cpu / figures["seconds"],
        "load_of_machine": os.getloadavg()[0]}


def say(name: str, figures: Figures) -> None:
    shown = {key: round(value, 3) if isinstance(value, float) else value
             for key, value in figures.items()}
    print(f"{name}: {json.dumps(shown)}", flush=True)


def measure_load(server: Server, rounds: int, seconds: int, most: int) -> list[Figures]:
    """Medians for each number of runners, which take turns."""
    # The last two tell what a commit costs from what a job in it does.
    points = [(count, 1000) for count in [1, 4, 16, 64, 256] if count <= most]
    points += [(16, 100), (16, 5000)]
    all_figures: dict[tuple[int, int], list[Figures]] = {point: [] for point in points}
    for _ in range(rounds):
        for point in points:
            figures = load(server, point[0], seconds, point[1])
            say("load", figures)
            all_figures[point].append(figures)
    return [medians(all_figures[point]) for point in points]


def medians(rounds: list[Figures]) -> Figures:
    return {key: median(figures[key] for figures in rounds) for key in rounds[0]}


def measure_hold(server: Server, runners: int, seconds: int) -> tuple[Figures, Figures]:
    """So many runners for long, and again with a snapshot held open for all of it."""
    figures = load(server, runners, seconds)
    say("hold", figures)
    held = load(server, runners, seconds, snapshot=True)
    say("snapshot", held)
    return figures, held


MANY_RUNNERS = """
INSERT INTO runner.runner (instance, host, pid, workers, site_id, started_us, beat_us)
SELECT 'many' || g, 'machine' || g, 1, 1000, 0, t, t
FROM generate_series(1, 1000) g, (SELECT (extract(epoch FROM now()) * 1e6)::bigint) AS c (t);
INSERT INTO runner.log (runner_id, seq, at_us, requests_per_s, batch_ids, codes, counts, has_files, body)
SELECT r.id, s, r.beat_us, 1000, '{1,1}', '{1,2}', '{990,10}', false,
    decode(repeat('00', 2500), 'hex')
FROM runner.runner r, generate_series(1, 32) s;
INSERT INTO runner.segment (batch_id, first, count, todo, tried, priority, runner_id, outcomes)
SELECT 1, 4096 * (16 * r.id + s), 4096, 4096, 0, 0, r.id, NULL
FROM runner.runner r, generate_series(0, 15) s;
"""


# What each runner asks beside its commits, of all runners: its share of the rate each second to four
# (as in PostgresQueue+Shares.swift), who is gone each five to twenty.
SHARE = """
WITH pace AS (SELECT rate FROM runner.pace LIMIT 1),
ranked AS (SELECT id, wanted, rate, row_number() OVER (ORDER BY wanted = 0, id) AS place
    FROM runner.runner, pace WHERE rate IS NOT NULL),
holder AS (SELECT id, wanted, rate FROM ranked WHERE place <= greatest(1, floor(rate / 0.1))),
level AS (SELECT max((rate - coalesce(before, 0)) / (total - place + 1)) AS most FROM (
    SELECT rate, count(*) OVER () AS total, row_number() OVER by_want AS place,
        sum(wanted) OVER (by_want ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM holder WINDOW by_want AS (ORDER BY wanted, id)) AS steps)
SELECT r.share, (SELECT least(h.wanted, l.most) FROM holder h, level l WHERE h.id = r.id)
FROM runner.runner r, pace p WHERE r.id = (SELECT min(id) FROM runner.runner);
"""
GONE = "SELECT id, instance FROM runner.runner;"


def looks(server: Server, database: str) -> Figures:
    """The CPU time in µs that a look takes the server with 1,000 runners."""
    server.sql("UPDATE runner.pace SET rate = 100000", database)
    costs = {}
    for name, text in [("share", SHARE), ("gone", GONE)]:
        server.sql(text, database)
        before = server.cpu_seconds()
        server.sql("\\o /dev/null\n" + text * 500, database)
        costs[name] = (server.cpu_seconds() - before) * 1e6 / 500
    return costs


def measure_status(server: Server, rounds: int) -> Figures:
    """With 1,000 runners that commit 1,000 jobs each second, and 10^10 jobs."""
    database = server.database()
    url = server.url(database)
    enqueued = [enqueue(server.url(server.database()), 10**10) for _ in range(rounds)]
    enqueue(url, 10**10)
    server.sql(MANY_RUNNERS, database)
    times = []
    for _ in range(rounds * 3):
        begin = time.monotonic()
        subprocess.run([program("runner"), "status", "--queue", url, "--json"], check=True,
                       stdout=subprocess.DEVNULL)
        times.append(time.monotonic() - begin)
    figures = {"status_ms": median(times) * 1000, "enqueue_s": median(enqueued),
               "look_us": looks(server, database)}
    say("status", figures)
    return figures


NGINX = """
daemon off; worker_processes 1; pid %(folder)s/pid; error_log stderr error;
events { worker_connections 8192; }
http { access_log off; keepalive_requests 100000000;
  server { listen 127.0.0.1:%(port)d backlog=4096; location / { return 200 "ok"; } } }
"""


def measure_runs(server: Server, rounds: int, jobs: int) -> Figures:
    """Four runs on one queue in PostgreSQL, and four on a queue each in a file, in turn."""
    with tempfile.TemporaryDirectory(prefix="runner-fleet-") as folder:
        port = free_port()
        config = Path(folder) / "nginx.conf"
        config.write_text(NGINX % {"folder": folder, "port": port})
        nginx = subprocess.Popen(["nginx", "-c", config, "-e", "stderr"])
        time.sleep(0.5)
        template = f"http://127.0.0.1:{port}/{{id}}"
        kept: dict[str, list[float]] = {"sqlite": [], "postgres": []}
        cpu, wal, half = [], [], []
        try:
            for number in range(rounds):
                files = [f"{folder}/{number}-{part}.db" for part in range(4)]
                for file in files:
                    enqueue(file, jobs // 4, template)
                kept["sqlite"].append(jobs / run_all(files))
                database = server.database()
                url = server.url(database)
                enqueue(url, jobs, template)
                cpu_before, wal_before = server.cpu_seconds(), server.wal_bytes()
                kept["postgres"].append(jobs / run_all([url] * 4))
                cpu.append((server.cpu_seconds() - cpu_before) * 1e6 / jobs)
                wal.append((server.wal_bytes() - wal_before) / jobs)
                enqueue(url, jobs // 2, template)
                half.append(commits_at(kept["postgres"][-1] / 2, url, Path(folder)))
                say("runs", {name: rates[-1] for name, rates in kept.items()}
                    | {"cpu_s_per_million": cpu[-1], "wal_mb_per_million": wal[-1]} | half[-1])
        finally:
            nginx.terminate()
            nginx.wait()
    ratios = [a / b for a, b in zip(kept["postgres"], kept["sqlite"])]
    return {"ratio": median(ratios), "ratios": ratios, "sqlite_per_s": median(kept["sqlite"]),
            "postgres_per_s": median(kept["postgres"]), "cpu_s_per_million": median(cpu),
            "wal_mb_per_million": median(wal)} | medians(half)


def commits_at(rate: float, url: str, folder: Path) -> Figures:
    """How long the commits of four runs take that keep to a rate together."""
    files = [folder / f"{part}.prom" for part in range(4)]
    run_all([url] * 4, [["--rate", f"{rate:.0f}/s", "--metrics-file", str(file)] for file in files])
    counts: dict[float, int] = {}
    for file in files:
        for line in file.read_text().splitlines():
            if found := re.match(r'runner_commit_duration_seconds_bucket\{.*le="([^"]+)".*\} (\d+)', line):
                counts[float(found[1])] = counts.get(float(found[1]), 0) + int(found[2])
    bounds = sorted(counts)
    # The bounds of the histogram's parts: not more than they say.
    return {f"half_p{part}_ms": next(1000 * bound for bound in bounds
                                     if counts[bound] >= part / 100 * counts[bounds[-1]])
            for part in [50, 99]} | {"half_rate_per_s": rate, "half_commits": counts[bounds[-1]]}


def run_all(queues: list[str], options: list[list[str]] | None = None) -> float:
    """The seconds until all runs have ended."""
    begin = time.monotonic()
    runs = [subprocess.Popen([program("runner"), "run", "--queue", queue, "-w", "250", "-q", *more],
                             stdout=subprocess.DEVNULL)
            for queue, more in zip(queues, options or [[]] * len(queues))]
    if any([run.wait() for run in runs]):
        raise SystemExit("a run did not end well")
    return time.monotonic() - begin


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--plot", action="store_true")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--rounds", type=int)
    arguments = parser.parse_args()
    results: Figures = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if not arguments.plot:
        measured = measure(arguments)
        if arguments.quick:
            return 0
        results |= measured
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    fleet_model.write(results, REPOSITORY / "docs")
    return 0


def measure(arguments: argparse.Namespace) -> Figures:
    parts = arguments.only.split(",")
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise SystemExit(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    quick = arguments.quick
    rounds = arguments.rounds or (1 if quick else 3)
    server = Server()
    measured: Figures = {}
    try:
        if "load" in parts:
            measured["load"] = measure_load(server, rounds, 5 if quick else 10, 64 if quick else 256)
        if "status" in parts:
            measured["status"] = measure_status(server, rounds)
        if "runs" in parts:
            measured["runs"] = measure_runs(server, rounds, 50_000 if quick else 300_000)
        if "hold" in parts:
            measured["hold"], measured["snapshot"] = measure_hold(
                server, 64 if quick else 256, 10 if quick else 300)
    finally:
        server.stop()
    return measured


sys.exit(main())
