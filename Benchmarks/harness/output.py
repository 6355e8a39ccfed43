"""Runs `runner` without output and with each format in alternation and prints a table.

Started by Benchmarks/output, in the environment that Benchmarks/prepare sets up.
"""

import argparse
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import machine
import measure
import origin
import tables
from machine import FOLDER, REPOSITORY, Unready
from measure import Failed
from tables import Measurement

NONE = "no output"
FORMATS = ["jsonl", "jsonl.gz", "warc", "files"]
WORKERS = 1_000
SMALL_REQUESTS = 200_000
LARGE_BYTES = 10_000_000
LARGE_REQUESTS = 1_500
ROUNDS = 5
SETTLE_S = 0.5
RESULTS = REPOSITORY / "Benchmarks" / "Results.md"


def main() -> int:
    options = parse()
    machine.allow_descriptors(WORKERS + 200)
    machine.require_disk(FOLDER)
    facts = machine.facts()
    with origin.nginx(FOLDER / "tmp" / "origin") as server:
        small = measure_small(options, server)
        large = measure_large(options, server) if options.large else None
    text = report(facts, options, small, large)
    print(text)
    if options.results:
        tables.replace_section(RESULTS, "output", text)
        say(f"the table is in {RESULTS.relative_to(REPOSITORY)}")
    return 1 if any(m.failure for m in small + ([large] if large else [])) else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Benchmarks/output", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N")
    parser.add_argument("--requests", type=int, default=SMALL_REQUESTS, metavar="N")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="of the order")
    parser.add_argument(
        "--large", action="store_true",
        help=f"also {LARGE_REQUESTS:,} bodies of 10 MB, 15 GB on disk, for their memory")
    parser.add_argument("--results", action="store_true", help="keep the table in Results.md")
    options = parser.parse_args()
    if options.rounds < 1 or options.requests < 1:
        parser.error("--rounds and --requests must be 1 or more")
    return options


def measure_small(options: argparse.Namespace, server: origin.Origin) -> list[Measurement]:
    """Each format once in each round, in an order shuffled anew."""
    measurements = []
    for number in range(1, options.rounds + 1):
        order = random.Random(f"{options.seed} {number}").sample([NONE, *FORMATS], 5)
        for name in order:
            time.sleep(SETTLE_S)
            chosen = [] if name == NONE else ["--output", "out", "--format", name]
            measurements.append(
                measure_once(name, number, options.requests, server.url("/{}"), chosen))
            say(f"round {number} of {options.rounds}: {measurements[-1]}")
    return measurements


def measure_large(options: argparse.Namespace, server: origin.Origin) -> Measurement:
    """Bodies of 10 MB, which come slowly, so that all workers have one in hand."""
    body = FOLDER / "tmp" / "origin" / "large.bin"
    with open(body, "wb") as file:
        for _ in range(LARGE_BYTES // 100):
            file.write(b"x" * 99 + b"\n")
    try:
        measurement = measure_once(
            "jsonl", 1, LARGE_REQUESTS, server.url("/large/{}"),
            ["--output", "out", "--max-time", "900"])
    finally:
        body.unlink()
    say(f"10 MB bodies: {measurement}")
    return measurement


def measure_once(
    name: str, number: int, requests: int, template: str, chosen: list[str]
) -> Measurement:
    """One run in a new folder; its output is verified. A failure is part of the result."""
    folder = FOLDER / "tmp" / "measurement"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    program = str(FOLDER / "bin" / "runner")

    def ask(*command: str) -> None:
        result = subprocess.run([program, *command], cwd=folder, text=True, capture_output=True)
        if result.returncode != 0:
            raise Failed(f"`runner {command[0]}` failed: {result.stdout}{result.stderr}".strip())

    try:
        ask("enqueue", "--range", f"0..{requests}", "--url", template)
        cost = measure.run(
            [program, "run", "--workers", str(WORKERS), "-q", *chosen], folder)
        ask("verify")
    except Failed as failure:
        return Measurement("output", number, name, requests, failure=str(failure))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Measurement("output", number, name, requests, cost)


def report(
    facts: dict[str, str],
    options: argparse.Namespace,
    small: list[Measurement],
    large: Measurement | None,
) -> str:
    """The table, and what is needed to judge it."""
    by_name = {
        name: {m.round: m for m in small if m.program == name and not m.failure}
        for name in [NONE, *FORMATS]
    }
    lines = [
        "## Keeping responses", "", machine.markdown(facts), "",
        f"13-byte bodies (records of 300 bytes), nginx that answers at once, {WORKERS:,} workers, "
        f"{options.requests:,} requests. Medians of {options.rounds} rounds in an order shuffled "
        f"from seed {options.seed}; the ratio is taken within each round, in brackets its least "
        "and greatest. Each output was verified after its run.", "",
        "| output | requests/s | CPU µs a request | peak RSS MB | requests/s, it ÷ no output |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, its in by_name.items():
        if its:
            ratio = "" if name == NONE else tables.ratio(lambda m: m.per_s, its, by_name[NONE])
            lines.append(
                f"| {name} | {median(m.per_s for m in its.values()):,.0f} "
                f"| {median(m.cpu_us for m in its.values()):,.1f} "
                f"| {median(m.cost.peak_rss_mb for m in its.values()):,.0f} | {ratio} |")
    if large and not large.failure:
        lines += [
            "", f"{large.requests:,} bodies of 10 MB with {WORKERS:,} workers, as jsonl: "
            f"{large.cost.peak_rss_mb:,.0f} MB at most, in {large.cost.wall_s:,.0f} s."]
    for m in small + ([large] if large else []):
        if m.failure:
            lines += ["", f"Not counted: {m.program} in round {m.round}, {m.failure}."]
    return "\n".join(lines) + "\n"


def say(line: str) -> None:
    """Progress, for the one who waits."""
    print(f"output: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unready, OSError) as trouble:
        say(str(trouble))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
