"""Runs `runner` and its peers in alternation on the same works and prints a table for each.

Started by Benchmarks/compare, in the environment that Benchmarks/prepare sets up.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import machine
import measure
import origin
import tables
from machine import FOLDER, REPOSITORY, Unready
from measure import Cost, Failed
from tables import Measurement, Resumed
from works import PEERS, RUNNER, WORKS, Work

SETTLE_S = 0.3
"""A pause before each measurement, in which the origin closes the connections of the last one."""
SPARE_DESCRIPTORS = 200
"""What a client or an origin opens besides a connection a worker."""
ROUNDS = 5
RESULTS = REPOSITORY / "Benchmarks" / "Results.md"


def main() -> int:
    options = parse()
    works = [WORKS[name] for name in options.work or WORKS]
    machine.allow_descriptors(max(work.workers for work in works) + SPARE_DESCRIPTORS)
    machine.require_disk(FOLDER)
    if options.json:
        # Now, not after the measurements, is the time to learn that it cannot be written.
        options.json.touch()
    facts = machine.facts()
    say(f"seed {options.seed}; on {facts['CPU']}")

    measurements: list[Measurement] = []
    for work in works:
        measurements += measure_work(work, options)
        if options.json:
            save(options, facts, measurements)
    text = tables.report(facts, works, measurements, options.seed, options.quick)
    print(text)
    if options.results:
        tables.replace_section(RESULTS, "compare", text)
        say(f"the tables are in {RESULTS.relative_to(REPOSITORY)}")
    failed = sum(measurement.failure is not None for measurement in measurements)
    if failed:
        say(f"{failed} of {len(measurements)} measurements failed and are left out of the tables")
    broken = [line for work in works for line in tables.broken(work, measurements)]
    for line in broken:
        say(line)
    return 1 if failed or broken else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Benchmarks/compare", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one round of few requests: a try")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="rounds of each work (default: 5)"
    )
    parser.add_argument(
        "--work", action="append", choices=WORKS, help="only this work; may be repeated"
    )
    parser.add_argument(
        "--growth", action="store_true",
        help="also runs of 3,000,000 requests by HTTPS, for their memory")
    parser.add_argument("--peers", metavar="NAME,…", help=f"only these of {', '.join(PEERS)}")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="of the order")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the raw figures in FILE")
    parser.add_argument("--results", action="store_true", help="keep the tables in Results.md")
    options = parser.parse_args()
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    options.peers = options.peers.split(",") if options.peers else list(PEERS)
    for name in options.peers:
        if name not in PEERS:
            parser.error(f"there is no peer {name!r}; there are {', '.join(PEERS)}")
    if options.results and (options.quick or options.work or options.peers != list(PEERS)):
        parser.error("--results is for full runs: no --quick, --work or --peers beside it")
    return options


def measure_work(work: Work, options: argparse.Namespace) -> list[Measurement]:
    """Runs each program once in each round, in an order shuffled anew."""
    programs = [name for name in work.requests if name == RUNNER or name in options.peers]
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    measurements = []
    start = origin.delay if work.sleeps else origin.nginx
    with start(FOLDER / "tmp" / "origin") as server:
        for round_number in range(1, rounds + 1):
            order = random.Random(f"{options.seed} {work.name} {round_number}")
            for name in order.sample(programs, len(programs)):
                requests = work.requests[name] // (work.quick if options.quick else 1)
                time.sleep(SETTLE_S)
                measurement = measure_once(work, name, round_number, requests, server)
                say(f"{work.name}, round {round_number} of {rounds}: {measurement}")
                measurements.append(measurement)
        if not options.quick:
            measurements += measure_growth(work, options, server)
    return measurements


def measure_growth(
    work: Work, options: argparse.Namespace, server: origin.Origin
) -> list[Measurement]:
    """More runs of `runner`, with fewer and, if asked for, with many more requests."""
    measurements = []
    for requests in work.growth if options.growth else work.growth[:-1]:
        time.sleep(SETTLE_S)
        measurement = measure_once(work, RUNNER, tables.GROWTH_ROUND, requests, server)
        say(f"{work.name}, {requests:,} requests: {measurement}")
        measurements.append(measurement)
    return measurements


def measure_once(
    work: Work, name: str, round_number: int, requests: int, server: origin.Origin
) -> Measurement:
    """One run of one program in a new folder. A failure is part of the result."""
    folder = FOLDER / "tmp" / "measurement"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    steady_per_s = first_ms = resumed = None
    url = server.url(work.path, work.listener)
    try:
        before = server.mark(work.workers)
        if name == RUNNER:
            cost = run_runner(requests, url, work.workers, folder, work.options.get(name, ()))
        else:
            peer = PEERS[name]
            call = [*peer.command, str(requests), url, str(work.workers)]
            call += [*peer.options, *work.options.get(name, ())]
            cost = measure.run(call, folder)
        served = server.requests() - before
        if served < requests:
            raise Failed(f"the origin saw {served:,} of {requests:,} requests")
        if isinstance(server, origin.Delay):
            steady_per_s = server.starts().steady_per_s(requests, work.workers)
        else:
            firsts = server.firsts(work.listener)
            if firsts.at_s:
                first_ms = (firsts.at_s - cost.started_s) * 1000
            resumed = firsts.resumed if work.is_https else None
    except Failed as failure:
        return Measurement(work.name, round_number, name, requests, failure=str(failure))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Measurement(
        work.name, round_number, name, requests, cost, steady_per_s, first_ms,
        None if resumed is None else Resumed.of(resumed, work.workers),
    )


def run_runner(
    requests: int, template: str, workers: int, folder: Path, chosen: tuple[str, ...]
) -> Cost:
    """Measures `runner run` alone, on a queue enqueued before, with its default durability."""
    program = str(FOLDER / "bin" / "runner")
    queue = ["--queue", "runner.db"]

    def ask(*command: str) -> str:
        result = subprocess.run(
            [program, *command, *queue], cwd=folder, text=True, capture_output=True
        )
        if result.returncode != 0:
            raise Failed(f"`runner {command[0]}` failed: {result.stderr.strip()}")
        return result.stdout

    ask("enqueue", "--range", f"0..{requests}", "--url", template)
    run = [program, "run", *queue, "--workers", str(workers), "-q", *chosen]
    cost = measure.run(run, folder)
    completed = json.loads(ask("status", "--json"))["jobs"]["completed"]
    if completed != requests:
        raise Failed(f"{completed:,} of {requests:,} jobs are completed")
    return cost


def save(
    options: argparse.Namespace, facts: dict[str, str], measurements: list[Measurement]
) -> None:
    """Writes the raw figures measured so far."""
    kept = {
        "machine": facts,
        "seed": options.seed,
        "quick": options.quick,
        "measurements": [asdict(measurement) for measurement in measurements],
    }
    options.json.write_text(json.dumps(kept, indent=2) + "\n")


def say(line: str) -> None:
    """Progress, for the one who waits."""
    print(f"compare: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    # So that what was started is stopped.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        sys.exit(main())
    except Unready as trouble:
        say(str(trouble))
        sys.exit(1)
    except OSError as error:
        say(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        say("stopped")
        sys.exit(130)
