"""Runs the built program on poison spread between healthy jobs, and says what it made of it.

    poison.py --runner .build/debug/runner --cases own --workers 1 50 1000

One range of IDs; raw_origin.py answers some with poison and the others well. Checked for each run:

- every healthy job is completed, and was asked for exactly once; with --output, its body is right;
- the program ends by itself with 0 or 1, as jobs failed or not, without a crash, and within time;
- its peak memory is that of the same run without poison, and at most --memory-mb more;
- each poison has an outcome that its case allows, and was asked for no more often than allowed;
- `runner verify` finds the queue, and the output, sound.

With --verdicts (of verdicts.py), cases that say nothing themselves are held against curl's verdict.
Prints a summary, with --json as JSON; exits with 1 when anything was wrong. The order is drawn by
--seed, which is printed.
"""

import argparse
import base64
import collections
import concurrent.futures
import csv
import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time

import corpus
import raw_origin
import verdicts


# A few of a run's hundreds of poisons stand right behind one that resets its connection.
AMBIGUOUS_MAX = 3


class Setting:
    """One run: how many workers, and whether output is kept."""

    def __init__(self, workers, keeps):
        self.workers = workers
        self.keeps = keeps

    def __str__(self):
        return f"{self.workers} workers{', output' if self.keeps else ''}"


def chosen(cases, setting, arguments, rng):
    """A single worker waits for each time limit, so that it gets few of the slow ones."""
    taken = list(cases)
    if setting.workers <= 8 and arguments.slow is not None:
        slow = [case for case in cases if case.slow]
        taken = [case for case in cases if not case.slow] + rng.sample(
            slow, min(arguments.slow, len(slow)))
    if arguments.sample is not None:
        taken = rng.sample(taken, min(arguments.sample, len(taken)))
    return taken


def program(arguments, *words, folder):
    return subprocess.run(
        [arguments.runner, *words], cwd=folder, capture_output=True, text=True, timeout=120,
        env={"HOME": folder, "PATH": os.environ["PATH"]})


def run(setting, cases, arguments, seed):
    """Runs once and checks; what was found."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="poison-") as folder:
        first = corpus.FIRST_ID
        count = arguments.healthy + len(cases)
        ids = rng.sample(range(first, first + count), len(cases))
        jobs = {job_id: case.name for job_id, case in zip(ids, cases)}
        plan = os.path.join(folder, "plan.json")
        raw_origin.write_plan(plan, cases, jobs)
        certificate = make_certificate(folder) if arguments.tls else None
        with raw_origin.Origin(plan, certificate) as origin:
            return measure(setting, {case.name: case for case in cases}, jobs, count, origin,
                           arguments, folder)


def make_certificate(folder):
    """With its key, for the origin's address."""
    path = os.path.join(folder, "certificate.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", path,
         "-out", path + ".part", "-subj", "/CN=origin", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True)
    with open(path, "ab") as whole, open(path + ".part", "rb") as part:
        whole.write(part.read())
    return path


def measure(setting, cases, jobs, count, origin, arguments, folder):
    faults = []
    first = corpus.FIRST_ID
    made = program(
        arguments, "enqueue", "--range", f"{first}..{first + count}",
        "--url", f"{origin.url}/{{id}}", folder=folder)
    assert made.returncode == 0, made.stderr
    retries = arguments.retries
    if setting.workers <= 8 and not arguments.alone:
        retries = arguments.retries_alone
    words = [
        "run", "--workers", str(setting.workers), "--max-time", str(arguments.max_time),
        "--retries", str(retries), "--max-stall", "5", "--quiet", "--json",
    ]
    if arguments.tls:
        words += ["--cacert", "certificate.pem"]
    if setting.keeps:
        words += ["--output", "out", "--format", "jsonl"]
    started = time.monotonic()
    status, err, peak_kb, is_late = wait(arguments, words, folder)
    seconds = time.monotonic() - started
    if is_late:
        faults.append(f"did not end within {arguments.time_limit} s, and was killed")
    elif status < 0:
        faults.append(f"crashed by signal {-status}: {' '.join(err.split())[:300]}")

    counts = origin.counts()
    asked = {int(job_id): times for job_id, times in counts["asked"].items()}
    export = program(arguments, "export", folder=folder)
    if export.returncode != 0:
        faults.append(f"export ended with {export.returncode}: {export.stderr}")
    rows = {
        int(row["id"]): (row["state"], row["outcome"])
        for row in csv.DictReader(export.stdout.splitlines())
    }
    healthy = set(range(first, first + count)) - set(jobs)
    faults += check_healthy(healthy, rows, asked, counts["after"])
    has_failed = any(state == "failed" for state, _ in rows.values())
    if status >= 0 and not is_late and status != (1 if has_failed else 0):
        faults.append(f"ended with {status}: {err.strip()[-300:]}")
    if status in (0, 1):
        verified = program(arguments, "verify", folder=folder)
        if verified.returncode != 0:
            faults.append(f"verify: {verified.stdout[-500:]}{verified.stderr[-300:]}")
    bodies = read_bodies(os.path.join(folder, "out"), faults) if setting.keeps else None
    if bodies is not None:
        for job_id in sorted(healthy):
            if rows[job_id][0] == "completed" and bodies.get(job_id) != corpus.healthy_body(job_id):
                behind = " and ".join(counts["after"].get(str(job_id), []))
                faults.append(
                    f"healthy job {job_id}, behind {behind}, has the body {bodies.get(job_id)!r}")

    differences = []
    outcomes = {}
    unfinished = []
    ambiguous = 0
    for job_id, name in sorted(jobs.items()):
        case = cases[name]
        state, label = rows.get(job_id, ("lost", ""))
        if state not in ("completed", "failed"):
            unfinished.append(f"{name} ({state} {label})")
            continue
        outcomes[name] = label
        allowed, sha256 = allowance(case, arguments)
        is_2xx = len(label) == 3 and label.startswith("2")
        # What got nothing on a connection that was used before is asked for again at once, by
        # libcurl up to five times.
        most = (7 if "reset" in allowed else 1) * (retries + 1)
        # libcurl keeps its first message. Behind a connection that was reset before a byte of the
        # answer came, broken chunking on the next one is told as a reset, as both have one code.
        if label == "reset" and label not in allowed and "bad_response" in allowed:
            ambiguous += 1
            if ambiguous <= AMBIGUOUS_MAX:
                continue
        if label not in allowed or state != ("completed" if is_2xx else "failed"):
            differences.append(
                {"case": name, "state": state, "outcome": label, "allowed": sorted(allowed),
                 "curl": arguments.verdict.get(name), "why": case.why})
        elif bodies is not None and state == "completed" and sha256 is not None:
            body = bodies.get(job_id)
            if body is None or hashlib.sha256(body).hexdigest() != sha256:
                differences.append(
                    {"case": name, "state": state, "outcome": "another body",
                     "allowed": [sha256], "body": repr(body)[:200],
                     "curl": arguments.verdict.get(name), "why": case.why})
        # Curl's replies redirect to any number, and so does a loop.
        if asked.get(job_id, 0) > most and "redirects" not in allowed and case.number is None:
            faults.append(f"{name} was asked for {asked[job_id]} times, at most {most} expected")
    if unfinished:
        faults.append(
            f"{len(unfinished)} poisoned jobs are not finished: {', '.join(unfinished[:20])}")
    return {
        "setting": str(setting), "workers": setting.workers, "output": setting.keeps,
        "healthy": len(healthy), "poison": len(jobs), "seconds": round(seconds, 2),
        "status": status, "peak_mb": round(peak_kb / 1024, 1),
        "connections_max": counts["connections_max"],
        "faults": faults, "differences": differences, "outcomes": outcomes,
    }


def wait(arguments, words, folder):
    """Runs the program; its exit code or signal (negative), its last words and its peak memory."""
    # By polling: what wait4 says of a process begins with the memory of the one that started it.
    peak_kb = 0
    with open(os.path.join(folder, "err"), "w+b") as err:
        process = subprocess.Popen(
            [arguments.runner, *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=err,
            env={"HOME": folder, "PATH": os.environ["PATH"]})
        deadline = time.monotonic() + arguments.time_limit
        is_late = False
        while process.poll() is None:
            peak_kb = max(peak_kb, memory_peak_kb(process.pid))
            if time.monotonic() > deadline and not is_late:
                is_late = True
                process.kill()
            time.sleep(0.01)
        err.seek(0)
        text = err.read().decode("utf-8", "replace")
    return process.returncode, text, peak_kb, is_late


def memory_peak_kb(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def check_healthy(healthy, rows, asked, after):
    """`after` says behind which poison a job came on its connection."""
    faults = []
    wrong = collections.Counter()
    examples = {}
    for job_id in healthy:
        state = rows.get(job_id, ("lost", ""))
        if state != ("completed", "200"):
            kind = f"are {state[0]} {state[1]}".strip()
        elif asked.get(job_id, 0) != 1:
            kind = f"were asked for {asked.get(job_id, 0)} times"
        else:
            continue
        wrong[kind] += 1
        examples.setdefault(kind, job_id)
    for kind, count in wrong.most_common():
        behind = " and ".join(after.get(str(examples[kind]), []))
        faults.append(f"{count} healthy jobs {kind}, the first is {examples[kind]}"
                      + (f", behind {behind}" if behind else ""))
    return faults


def read_bodies(folder, faults):
    """The body of each record; each job has one at most."""
    bodies = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not name.startswith("responses-"):
            continue
        with open(os.path.join(folder, name), "rb") as file:
            for line in file:
                record = json.loads(line)
                if record["id"] in bodies:
                    faults.append(f"job {record['id']} has two records")
                if "body_base64" in record:
                    bodies[record["id"]] = base64.b64decode(record["body_base64"])
                else:
                    bodies[record["id"]] = record.get("body", "").encode()
    return bodies


def allowance(case, arguments):
    """The labels that are right for a case, and its body's checksum."""
    verdict = arguments.verdict.get(case.name)
    if case.expected or verdict is None:
        return case.expected, case.body_sha256
    return verdicts.labels_of(verdict), verdict["sha256"] if verdict["exit"] == 0 else None


def show(result):
    base = f" (without poison {result['base_peak_mb']})" if "base_peak_mb" in result else ""
    print(f"{result['setting']}: {result['healthy']} healthy and {result['poison']} poisoned jobs, "
          f"{result['seconds']} s, {result['connections_max']} connections, exit "
          f"{result['status']}, peak {result['peak_mb']} MB{base}, "
          f"{len(result['faults'])} faults, {len(result['differences'])} differences", flush=True)
    for fault in result["faults"][:20]:
        print(f"  fault: {fault}")
    for difference in result["differences"]:
        curl = difference["curl"]
        said = "" if curl is None else (
            f"; curl: exit {curl['exit']}, status {curl['status']}, {curl['message'] or 'fine'}")
        print(f"  {difference['case']}: {difference['state']} {difference['outcome']}, expected "
              f"{' or '.join(difference['allowed'])}{said} ({difference['why']})")


def run_together(cases, arguments, seed):
    """All cases between healthy jobs, and before that the same run without poison."""
    keeps = {"with": [True], "without": [False], "both": [False, True]}[arguments.output]
    for setting in [Setting(workers, kept) for workers in arguments.workers for kept in keeps]:
        rng = random.Random(f"{seed} {setting}")
        base = run(setting, [], arguments, rng.getrandbits(63))
        result = run(
            setting, chosen(cases, setting, arguments, rng), arguments, rng.getrandbits(63))
        result["base_peak_mb"] = base["peak_mb"]
        result["faults"] += [f"without poison: {fault}" for fault in base["faults"]]
        if result["peak_mb"] > base["peak_mb"] + arguments.memory_mb:
            result["faults"].append(
                f"peak memory {result['peak_mb']} MB, without poison {base['peak_mb']} MB")
        yield result


def run_alone(cases, arguments, seed):
    """Each case with one worker and no other job, all at once: they mostly wait."""
    arguments.healthy = 0
    setting = Setting(1, True)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        yield from pool.map(lambda case: run(setting, [case], arguments, seed), cases)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runner", required=True, help="the built program")
    parser.add_argument("--cases", nargs="+", required=True,
                        help="own, wpt, behind, idle, or JSON files")
    parser.add_argument("--alone", action="store_true",
                        help="each case in a run of its own, with one worker")
    parser.add_argument("--only", help="cases whose names begin so")
    parser.add_argument("--tls", action="store_true", help="by HTTPS")
    parser.add_argument("--without", nargs="*", default=[], help="cases to leave out")
    parser.add_argument("--verdicts", nargs="*", default=[], help="of verdicts.py")
    parser.add_argument("--healthy", type=int, default=10_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 50, 1000])
    parser.add_argument("--output", choices=["with", "without", "both"], default="both")
    parser.add_argument("--max-time", type=float, default=2)
    parser.add_argument("--retries", type=int, default=1)
    parser.add_argument("--retries-alone", type=int, default=0, help="of eight workers and fewer")
    parser.add_argument("--slow", type=int, help="slow cases for eight workers and fewer")
    parser.add_argument("--sample", type=int, help="so many cases of all, drawn for each run")
    parser.add_argument("--memory-mb", type=float, default=48, help="beyond the run without poison")
    parser.add_argument("--time-limit", type=float, default=300, help="seconds for a run")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--json", help="a file for all that was found")
    arguments = parser.parse_args()
    arguments.runner = os.path.abspath(arguments.runner)
    seed = arguments.seed if arguments.seed is not None else random.getrandbits(63)
    print(f"seed {seed}", flush=True)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # A program that crashes should not leave its memory behind.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    cases = [case for name in arguments.cases for case in corpus.load(name)]
    if arguments.only:
        cases = [case for case in cases if case.name.startswith(arguments.only)]
    cases = [case for case in cases if case.name not in arguments.without]
    arguments.verdict = {}
    for path in arguments.verdicts:
        with open(path, encoding="utf-8") as file:
            arguments.verdict |= json.load(file)
    for case in cases:
        verdict = arguments.verdict.get(case.name)
        assert case.expected or verdict, f"nothing says what is right for {case.name}"
        case.slow = case.slow or (verdict is not None and verdict["exit"] == 28)

    results = []
    for result in (run_alone if arguments.alone else run_together)(cases, arguments, seed):
        show(result)
        results.append(result)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"seed": seed, "runs": results}, file, indent=1)
    return 1 if any(result["faults"] or result["differences"] for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
