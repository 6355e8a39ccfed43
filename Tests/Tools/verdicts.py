"""Asks the curl command what it makes of each case of a corpus.

    verdicts.py --cases own --out verdicts.json

For each case: `curl -q -sS --max-time 2 --max-redirs 10 -L --compressed` against raw_origin.py, and
its exit code, its last words, the status and the body's size and SHA-256. `labels_of` says which
labels of docs/STATES.md mean the same.
"""

import argparse
import asyncio
import collections
import hashlib
import json
import os
import sys
import tempfile

import corpus
import raw_origin

MAX_TIME = 2
CURL = [
    "curl", "-q", "-sS", "--max-time", str(MAX_TIME), "--max-redirs", "10", "-L", "--compressed",
]

# Of curl's exit codes, the labels that say the same.
# https://curl.se/libcurl/c/libcurl-errors.html
LABELS = {
    5: "dns", 6: "dns", 7: "connect", 8: "bad_response", 16: "reset bad_response", 18: "reset",
    23: "bad_response", 27: "bad_response too_large", 28: "timeout", 35: "tls reset",
    43: "bad_response",
    47: "redirects", 52: "reset", 55: "reset", 56: "reset bad_response too_large",
    60: "tls", 61: "bad_response", 63: "too_large", 92: "reset bad_response",
    100: "bad_response too_large",
}


def labels_of(verdict):
    """The labels that agree with curl's verdict."""
    code = verdict["exit"]
    if code == 0:
        return {str(verdict["status"])}
    hopped = 300 <= verdict["status"] < 400
    if code == 1:  # a scheme curl does not have or follow; without a hop, HTTP/0.9
        return {"redirects"} if hopped else {"bad_response"}
    if code == 3:
        return {"redirects", "bad_url"} if hopped else {"bad_url"}
    return set(LABELS.get(code, "other").split())


async def ask(origin, job_id, name, folder, gate):
    async with gate:
        body_path = os.path.join(folder, str(job_id))
        process = await asyncio.create_subprocess_exec(
            *CURL, "-o", body_path,
            "-w", "%{response_code} %{num_redirects} %{http_version} %{time_total}",
            f"http://127.0.0.1:{origin.port}/{job_id}",
            env=os.environ | {"no_proxy": "*", "LC_ALL": "C.UTF-8"},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE)
        out, err = await process.communicate()
    body = b""
    if os.path.exists(body_path):
        with open(body_path, "rb") as file:
            body = file.read()
        os.remove(body_path)
    # A curl that crashes says nothing.
    words = out.decode().split() or ["0", "0", "0", "0"]
    return name, {
        "exit": process.returncode, "status": int(words[0]), "redirects": int(words[1]),
        "http": words[2], "seconds": float(words[3]), "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "message": err.decode("utf-8", "backslashreplace").strip(),
    }


async def ask_all(origin, jobs, folder, at_once):
    gate = asyncio.Semaphore(at_once)
    return dict(await asyncio.gather(
        *(ask(origin, job_id, name, folder, gate) for job_id, name in jobs.items())))


def verdicts_of(cases, at_once=16):
    jobs = {corpus.FIRST_ID + index: case.name for index, case in enumerate(cases)}
    with tempfile.TemporaryDirectory() as folder:
        plan = os.path.join(folder, "plan.json")
        raw_origin.write_plan(plan, cases, jobs)
        with raw_origin.Origin(plan) as origin:
            return asyncio.run(ask_all(origin, jobs, folder, at_once))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", required=True, help="own, wpt, or a JSON file")
    parser.add_argument("--out", help="a JSON file for the verdicts")
    parser.add_argument("--at-once", type=int, default=16)
    arguments = parser.parse_args()
    cases = corpus.load(arguments.cases)
    verdicts = verdicts_of(cases, arguments.at_once)
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            json.dump(verdicts, file, indent=1)
    exits = collections.Counter(verdict["exit"] for verdict in verdicts.values())
    print("curl's exit codes:", dict(sorted(exits.items())))
    for case in cases:
        verdict = verdicts[case.name]
        if case.expected and not labels_of(verdict) & case.expected:
            print(f"{case.name}: expected {' '.join(sorted(case.expected))}, curl exit "
                  f"{verdict['exit']} status {verdict['status']} {verdict['message']}")
        elif case.body_sha256 and verdict["exit"] == 0 and verdict["sha256"] != case.body_sha256:
            print(f"{case.name}: another body, of {verdict['bytes']} bytes")


if __name__ == "__main__":
    sys.exit(main())
