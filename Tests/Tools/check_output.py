"""Reads the output of a queue with other people's tools and checks it against the IDs alone.

    check_output.py FOLDER --format jsonl --jobs 0..5000
    check_output.py FOLDER --format jsonl --format warc --jobs 0..5000 --jobs 0..10 --min-files 5

Each ID must be there exactly once, with its own URL, fields and body, where bodies are those of the
test origin's /mixed/{id} (or, with --body none, are not to be there). Everything docs/OUTPUT.md
says of a format is checked on the way. Prints a JSON summary; exits with 1 and the first faults
when there are any.

It shares nothing with the program: json, gzip, zlib, hashlib and sqlite3, and for WARC also warcio
(its `check`, and its reader) and FastWARC.
"""

import argparse
import hashlib
import json
import os
import re
import sqlite3
import sys
import zlib

import output_jsonl
from mixed_body import mixed_body

PATTERNS = {
    "jsonl": r"responses-(\d{5,})\.jsonl",
    "jsonl.gz": r"responses-(\d{5,})\.jsonl\.gz",
    "warc": r"responses-(\d{5,})\.warc\.gz",
    "files": r"index(?:-(\d{5,}))?\.jsonl",
}


class Check:
    """What was found so far."""

    def __init__(self, arguments):
        self.arguments = arguments
        bounds = [[int(bound) for bound in jobs.split("..")] for jobs in arguments.jobs]
        self.batches = {batch: range(*pair) for batch, pair in enumerate(bounds, 1)}
        self.faults = []
        self.fault_count = 0
        self.completed = {}
        self.failed = {}
        self.counts = {"bodies": 0, "body_bytes": 0, "base64": 0, "truncated": 0, "members": 0}
        self.folder = arguments.folder
        self.keeps_bodies = arguments.body != "none"
        self.bodies_at = {}
        self.own_digests = {}

    def fault(self, place, text):
        self.fault_count += 1
        if len(self.faults) < 10:
            self.faults.append(f"{place}: {text}")

    def is_status(self, status):
        """Whether a completed job may have this status."""
        wanted = self.arguments.status
        return 200 <= status < 300 if wanted is None else status == wanted

    def expect(self, condition, place, text):
        if not condition:
            self.fault(place, text)
        return condition

    def record(self, place, batch, job_id, state):
        """Takes down a record; says whether its body is to be looked at."""
        if job_id not in self.batches.get(batch, ()):
            self.fault(place, f"job {job_id} of batch {batch} was not asked for")
            return False
        job = (batch, job_id)
        before = self.completed.get(job) or self.failed.get(job)
        if before:
            self.fault(place, f"ID {job_id} has a record already, at {before}")
        found = self.completed if state == "completed" else self.failed
        found[job] = place
        return state == "completed"

    def body(self, place, job_id, body, is_truncated=False):
        """Compares a decoded body with the one of its ID."""
        self.counts["bodies"] += 1
        self.counts["body_bytes"] += len(body)
        self.counts["truncated"] += is_truncated
        if self.arguments.body != "mixed":
            return
        own = mixed_body(job_id)
        self.own_digests[job_id] = hashlib.sha256(own).digest()
        if is_truncated:
            self.expect(
                len(body) < len(own) and own.startswith(body), place,
                f"ID {job_id}: the cut body is not the beginning of its own")
        elif body != own:
            place_of_difference = next(
                (i for i, (a, b) in enumerate(zip(body, own)) if a != b), min(len(body), len(own)))
            self.fault(
                place, f"ID {job_id}: {len(body)} bytes, its own body has {len(own)} and differs "
                f"at byte {place_of_difference}")


def names_of(folder, format_name):
    """The files of a format, by rising number."""
    found = {}
    for name in os.listdir(folder):
        match = re.fullmatch(PATTERNS[format_name], name)
        if match:
            found[name] = int(match.group(1) or 1)
    return sorted(found, key=found.get)


def marked_jobs(path):
    """The completed jobs, as anybody with a `sqlite3` shell sees them."""
    queue = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    # What the shell has of its own, and the library has not.
    queue.create_function("sqlar_uncompress", 2, lambda blob, size: blob if blob is None
                          or len(blob) == size else zlib.decompress(blob))
    jobs = set(queue.execute("SELECT batch_id, id FROM job WHERE state = 'completed'"))
    queue.close()
    return jobs


def main(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument(
        "--format", action="append", required=True, choices=PATTERNS,
        help="may be given again, for a queue that changed it")
    parser.add_argument(
        "--jobs", action="append", required=True,
        help="the IDs A..B, without B, of the first batch; given again, of the next one")
    parser.add_argument(
        "--url", default="http://127.0.0.1:[0-9]+/(.*/)?{id}", help="a regular expression")
    parser.add_argument("--body", choices=["mixed", "any", "none"], default="mixed")
    parser.add_argument(
        "--status", type=int, help="the status of all completed jobs, where that is not 2xx")
    parser.add_argument("--failed", type=int, default=0, help="records of failed jobs to be there")
    parser.add_argument("--missing", type=int, default=0, help="IDs that have no record")
    parser.add_argument("--queue", help="every job this has as completed must have a record")
    parser.add_argument("--min-files", type=int, default=0)
    parser.add_argument(
        "--unfinished", action="store_true",
        help="a run goes on or was killed: what is there whole must be right, no more")
    arguments = parser.parse_args(argv)
    check = Check(arguments)
    files = []
    for format_name in dict.fromkeys(arguments.format):
        names = names_of(arguments.folder, format_name)
        # A run that was killed early has made none yet.
        check.expect(
            names or arguments.unfinished, format_name, "there are no files of this format")
        files += names
        for name in names:
            if format_name == "warc":
                import output_warc  # here, as it takes a while and the others do without

                output_warc.read(check, name)
            else:
                output_jsonl.read(check, name, format_name)
    known = set(files) | {".runner", ".runner-new"}
    if "files" in arguments.format and check.keeps_bodies:
        known.add("bodies")
    # A queue may have its place in the folder of its output.
    found = {name for name in os.listdir(arguments.folder) if not name.startswith("runner.db")}
    for name in sorted(found - known):
        check.fault(name, "nobody knows this file")
    if "files" in arguments.format and not arguments.unfinished:
        output_jsonl.check_bodies_folder(check)

    found = check.completed.keys() | check.failed.keys()
    asked = [(batch, job_id) for batch, ids in check.batches.items() for job_id in ids]
    missing = [job for job in asked if job not in found]
    if not arguments.unfinished:
        check.expect(
            len(missing) == arguments.missing, "all",
            f"{len(missing)} jobs have no record, {arguments.missing} expected: {missing[:10]}")
        check.expect(
            len(check.failed) == arguments.failed, "all",
            f"{len(check.failed)} records of failed jobs, {arguments.failed} expected")
    if arguments.queue:
        marked = marked_jobs(arguments.queue) - check.completed.keys()
        check.expect(
            not marked, "all",
            f"{len(marked)} completed jobs have no record: {sorted(marked)[:10]}")
    check.expect(
        len(files) >= arguments.min_files, "all",
        f"{len(files)} files, at least {arguments.min_files} expected")
    print(json.dumps({
        "files": len(files), "completed": len(check.completed), "failed": len(check.failed),
        "missing": len(missing), **check.counts, "fault_count": check.fault_count,
        "faults": check.faults,
    }))
    return 1 if check.fault_count else 0


if __name__ == "__main__":
    sys.exit(main())
