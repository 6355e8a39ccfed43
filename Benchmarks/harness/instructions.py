"""Counts instructions per request, by part of the program.

Started by Benchmarks/instructions. Two runs of different lengths under callgrind are subtracted, so
that starting up and the first connections do not count.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import origin
from machine import FOLDER, Unready

WORKERS = 64
SHORT, LONG = 1_000, 6_000
"""Jobs of the two runs."""

PARTS = {
    "feed": ["Sources/Runner/Feed/"],
    "worker": ["Sources/Runner/Work/", "Sources/Runner/Job/", "Sources/Runner/Support/"],
    "keep": [
        f"Sources/Runner/Fetch/{name}.swift"
        for name in ("Capture", "HeaderFields", "MemoryBudget", "Spool", "SpoolableBytes")
    ],
    "fetch": ["Sources/Runner/Fetch/"],
    "judge": ["Sources/Runner/Decide/"],
    "measure": ["Sources/Runner/Measure/", "Sources/Runner/Progress/"],
    "mark": ["Sources/Runner/Mark/"],
    "commit": ["Sources/JobStore/"],
}
"""Files and folders whose lines count as a part, the first that has them; what the compiler inlined from elsewhere not included."""

LIMITS = {
    "feed": 700,
    "worker": 750,
    "keep": 700,
    # Each line of a head is looked at twice: before libcurl keeps it, and after.
    "fetch": 4_900,
    "judge": 120,
    "measure": 500,
    "mark": 40,
    "commit": 500,
    "Swift runtime and library": 16_000,
}
"""Instructions a request at most: what was measured, and about a third more."""


def main() -> int:
    with origin.nginx(FOLDER / "tmp" / "origin") as server:
        short = count(SHORT, server.url("/{}"))
        long = count(LONG, server.url("/{}"))
    per_request = {part: (long[part] - short[part]) / (LONG - SHORT) for part in long}
    exceeded = [part for part, most in LIMITS.items() if per_request.get(part, 0) > most]
    print("| part | instructions a request | at most |\n| --- | ---: | ---: |")
    others = [part for part in per_request if part not in LIMITS and per_request[part] >= 1]
    for part in [*LIMITS, *sorted(others, key=per_request.__getitem__, reverse=True)]:
        most = f"{LIMITS[part]:,}" if part in LIMITS else ""
        print(f"| {part} | {per_request.get(part, 0):,.0f} | {most} |")
    for part in exceeded:
        print(f"instructions: {part} takes more than it may", file=sys.stderr)
    return 1 if exceeded else 0


def count(jobs: int, template: str) -> Counter[str]:
    """Instructions of a run of `jobs` jobs, by part."""
    folder = FOLDER / "tmp"
    queue, profile = folder / "instructions.db", folder / "callgrind.out"
    for old in folder.glob("instructions.db*"):
        old.unlink()
    program = str(FOLDER / "bin" / "runner")
    enqueue = ["enqueue", "--queue", queue, "--range", f"0..{jobs}", "--url", template]
    run = ["run", "--queue", queue, "--workers", str(WORKERS), "-q"]
    grind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}"]
    for command in [[program, *enqueue], [*grind, program, *run]]:
        result = subprocess.run(command, text=True, capture_output=True)
        if result.returncode != 0:
            raise Unready(f"{command[0]} failed: {result.stderr.strip().splitlines()[-1:]}")
    return parts_of(profile)


def parts_of(profile: Path) -> Counter[str]:
    """Self cost by part, read from a profile in callgrind's format.

    https://valgrind.org/docs/manual/cl-format.html
    """
    names: dict[tuple[str, str], str] = {}
    cost: Counter[str] = Counter()
    library = file = ""
    is_call = False
    for line in profile.read_text(errors="replace").splitlines():
        position = re.match(r"(c?)(ob|fl|fi|fe|fn|file)=\((\d+)\)(?: (.*))?$", line)
        if position:
            called, kind, number, name = position.groups()
            kind = kind if kind in ("ob", "fn") else "file"
            if name is not None:
                names[kind, number] = name
            if called:
                continue
            if kind == "ob":
                library = names[kind, number]
            elif kind == "file":
                file = names[kind, number]
        elif line.startswith("calls="):
            is_call = True  # the next line has the cost of the called, which stands elsewhere, too
        elif re.match(r"[\d+*-]", line):
            if not is_call:
                cost[part(library, file)] += int(line.split()[-1])
            is_call = False
    return cost


def part(library: str, file: str) -> str:
    for name, folders in PARTS.items():
        if any(folder in file for folder in folders):
            return name
    stem = Path(library).name.split(".so")[0]
    return "Swift runtime and library" if stem == "runner" else stem or "unknown"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unready as trouble:
        print(f"instructions: {trouble}", file=sys.stderr)
        sys.exit(1)
