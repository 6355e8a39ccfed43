"""Follows chains of redirects through the WARC that a run made of them.

    replay_redirects.py --runner PROGRAM [--folder DIR]

An origin leads each ID through its own chain: one to five hops, of every status and kind of
Location, with bodies, codings, cookies and line ends that are seldom together. Then the URL asked
for must lead to the body that was its own, by the records alone: by warcio, and by pywb where
that is installed (requirements-replay.txt). Exits with 1 and says what differs.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import urllib.parse

import corpus
import raw_origin
from corpus import close, pause, send

FIRST = corpus.FIRST_ID


def answer(status, fields=(), body=b"", how="length", end=b"\r\n", version=b"1.1"):
    """The operations of an answer."""
    lines = [b"HTTP/%b %d %b" % (version, status, b"OK" if status == 200 else b"Some Reason")]
    lines += [b"Content-Type: text/plain", *fields]
    if how == "gzip":
        body = gzip.compress(body, mtime=0)
        lines.append(b"Content-Encoding: gzip")
    if how == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
        half = len(body) // 2
        parts = [part for part in (body[:half], body[half:]) if part]
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    elif how != "close":
        lines.append(b"Content-Length: %d" % len(body))
    operations = [send(end.join(lines) + end + end)]
    # Arrives apart from its head.
    operations += [pause(0.001), send(body)] if body else []
    return operations + ([close()] if how == "close" or version == b"1.0" else [])


def hop(status, location, body=b"", how="length", end=b"\r\n", fields=(), version=b"1.1"):
    fields = [*fields, b"Location: " + location]
    return answer(status, fields, body, how, end, version)


def body_of(job_id):
    return b"the body of %d, at the end of its way\n" % job_id * (job_id % 7 + 1)


def chains(other_port):
    """By name: the replies on the way, and how the last one comes."""
    here = b"http://127.0.0.1:@PORT@/@ID@"
    there = b"http://127.0.0.1:%d/@ID@" % other_port
    result = {}
    for status in (301, 302, 303, 307, 308):
        result[f"relative-{status}"] = [hop(status, b"@ID@/1")]
        result[f"absolute-{status}"] = [hop(status, here + b"/1", b"moved to /1")]
    result["two-hops"] = [hop(301, b"/@ID@/1"), hop(302, b"2")]
    result["five-hops"] = [
        hop(301, b"/@ID@/1", b"one"), hop(302, here + b"/2"), hop(303, b"3", b"three", "chunked"),
        hop(307, b"../@ID@/4"), hop(308, b"./5?q=1&r=%20", b"five", "gzip"),
    ]
    result["without-scheme"] = [hop(302, b"//127.0.0.1:@PORT@/@ID@/1")]
    result["other-port"] = [hop(302, there)]
    result["there-and-back"] = [hop(302, there + b"/back", fields=[b"X-A: b"]), hop(307, b"/@ID@")]
    result["cookies"] = [
        hop(302, b"/@ID@/1", fields=[b"Set-Cookie: a=1; Path=/", b"Set-Cookie: b=2"]),
        hop(303, b"2", fields=[b"set-cookie: a=3; Path=/"]),
    ]
    result["bare-line-feeds"] = [
        hop(302, b"/@ID@/1", b"moved", end=b"\n"), hop(302, b"2", b"moved", "chunked", end=b"\n")]
    result["old-version"] = [hop(302, b"/@ID@/1", b"moved", version=b"1.0"), hop(301, b"2")]
    result["until-close"] = [hop(302, b"/@ID@/1", b"moved " * 1000, "close")]
    result["chunked"] = [hop(302, b"/@ID@/1", b"moved " * 100, "chunked")]
    result["gzipped"] = [hop(302, b"/@ID@/1", b"moved " * 100, "gzip")]
    result["large-body"] = [hop(302, b"/@ID@/1", b"moved " * 50_000)]
    result["spaces"] = [hop(302, b"  /@ID@/1  ")]
    return result


LAST = [
    {}, {"how": "chunked"}, {"how": "gzip"}, {"how": "close"}, {"version": b"1.0"},
    {"end": b"\n"}, {"end": b"\n", "how": "gzip"},
]


def plans(other_port):
    """The cases of both origins and the jobs: ID to name and whether it ends well."""
    ours, theirs, jobs, their_jobs = [], [], {}, {}
    job_id = FIRST
    made = chains(other_port)
    made["fails"] = [hop(302, b"/@ID@/1", b"moved"), hop(301, b"2")]
    for name, hops in made.items():
        for number, last in enumerate(LAST):
            title = f"{name}-{number}"
            final = answer(404 if name == "fails" else 200, body=body_of(job_id), **last)
            # "" is the job's own, the others are told apart by the end of their path.
            names = [""] + [str(place) for place in range(1, len(hops) + 1)]
            if name == "there-and-back":
                # /ID, /ID/back elsewhere, /ID elsewhere.
                theirs.append(corpus.Case(title, {"back": hops[1], "": final}))
                ours.append(corpus.Case(title, {"": hops[0]}))
                their_jobs[job_id] = title
            elif name == "other-port":
                theirs.append(corpus.Case(title, {"": final}))
                ours.append(corpus.Case(title, {"": hops[0]}))
                their_jobs[job_id] = title
            else:
                ours.append(corpus.Case(title, dict(zip(names, [*hops, final]))))
            jobs[job_id] = title
            job_id += 1
    return ours, jobs, theirs, their_jobs


class Faults(list):
    def expect(self, condition, text):
        if not condition:
            self.append(text)
        return condition


def run(arguments, folder, port, jobs):
    def runner(*words):
        return subprocess.run(
            [arguments.runner, *words], cwd=folder, capture_output=True, text=True, timeout=300)

    runner("enqueue", "--range", f"{FIRST}..{FIRST + len(jobs)}", "--url",
           f"http://127.0.0.1:{port}/{{id}}", "--queue", f"{arguments.format}.db")
    result = runner(
        "run", "-q", "--queue", f"{arguments.format}.db", "--output", arguments.format, "--format",
        arguments.format, "--output-failures", "--workers", "20", "--retries", "0")
    return result, runner("verify", "--queue", f"{arguments.format}.db")


def exchanges(folder):
    """Responses by the URL they came from, each with its body decoded."""
    from warcio.archiveiterator import ArchiveIterator

    found, failed, order = {}, {}, []
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".warc.gz"):
            continue
        with open(os.path.join(folder, name), "rb") as file:
            for record in ArchiveIterator(file, check_digests="raise"):
                header = record.rec_headers
                target = header["WARC-Target-URI"]
                body = record.content_stream().read()
                if record.rec_type == "response":
                    found.setdefault(target, []).append(
                        (header, record.http_headers, body))
                elif record.rec_type == "metadata":
                    failed[target] = body.decode()
                order.append((record.rec_type, header))
    return found, failed, order


def check_order(faults, order):
    """Each response is followed by its request, and a job's hops come first, by number."""
    hops = []
    for (kind, header), (next_kind, following) in zip(order, order[1:] + [(None, None)]):
        if kind != "response":
            continue
        place = header["WARC-Target-URI"]
        faults.expect(
            next_kind == "request" and following["WARC-Concurrent-To"] == header["WARC-Record-ID"]
            and following["WARC-Target-URI"] == place, f"{place}: no request behind it")
        faults.expect(header["Runner-URL"], f"{place}: no Runner-URL")
        if header["Runner-Hop"]:
            hops.append((header["Runner-ID"], int(header["Runner-Hop"])))
        else:
            own = [(header["Runner-ID"], number) for number in range(1, len(hops) + 1)]
            faults.expect(hops == own, f"{place}: came after the hops {hops}")
            hops = []


def follow(faults, found, url, title):
    """Goes from record to record, as a replay does."""
    for step in range(10):
        is_there = len(found.get(url, [])) == 1
        if not faults.expect(is_there, f"{title}: {url} has no record of its own"):
            return None, step
        header, http, body = found[url][0]
        status = int(http.get_statuscode())
        faults.expect(
            (header["Runner-Hop"] == str(step + 1)) == (status >= 300), f"{title}: hop {step + 1}")
        if status < 300:
            return body, step
        url = urllib.parse.urljoin(url, http.get_header("Location").strip())
    return None, 10


def check_warc(faults, folder, jobs, port, chain):
    found, failed, order = exchanges(folder)
    check_order(faults, order)
    for job_id, title in jobs.items():
        url = f"http://127.0.0.1:{port}/{job_id}"
        name = title.rsplit("-", 1)[0]
        if name == "fails":
            # Beside the answer that failed the job, which came from where it was led.
            text = failed.get(f"{url}/2", "")
            wanted = [f"redirect: 302 {url}\r\n", f"redirect: 301 {url}/1\r\n", "status: 404\r\n"]
            faults.expect(all(part in text for part in wanted), f"{title}: metadata {text!r}")
            continue
        body, steps = follow(faults, found, url, title)
        faults.expect(body == body_of(job_id), f"{title}: led to {body!r}")
        faults.expect(steps == len(chain[name]), f"{title}: {steps} hops")


def check_digests(faults, folder):
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    for name in sorted(os.listdir(folder)):
        if not name.endswith(".warc.gz"):
            continue
        path = os.path.join(folder, name)
        result = subprocess.run(
            [sys.executable, "-m", "warcio.cli", "check", path], capture_output=True, text=True)
        faults.expect(result.returncode == 0, f"warcio check: {result.stdout[-300:]}")
        with open(path, "rb") as file:
            for record in ArchiveIterator(file, parse_http=False):
                faults.expect(record.verify_block_digest(), f"block digest of {record.record_id}")
                if record.record_type == WarcRecordType.response:
                    record.parse_http()
                    faults.expect(
                        record.verify_payload_digest(), f"payload digest of {record.record_id}")


def check_jsonl(faults, folder, jobs, port, chain):
    with open(os.path.join(folder, "responses-00001.jsonl"), encoding="utf-8") as file:
        records = {record["id"]: record for record in map(json.loads, file)}
    faults.expect(records.keys() == jobs.keys(), f"{len(records)} records of {len(jobs)}")
    for job_id, record in records.items():
        name = jobs[job_id].rsplit("-", 1)[0]
        url = f"http://127.0.0.1:{port}/{job_id}"
        led = record["redirects"]
        faults.expect(len(led) == len(chain[name]), f"{name}: {len(led)} redirects")
        faults.expect(record["url"] == led[0]["url"] == url, f"{name}: asked for {record['url']}")
        statuses = [int(hops[0][1].split(b" ")[1]) for hops in chain[name]]
        faults.expect([way["status"] for way in led] == statuses, f"{name}: {led}")
        faults.expect(record["final_url"] != led[-1]["url"], f"{name}: {record['final_url']}")
        if name != "fails":
            body = record.get("body", "").encode()
            faults.expect(body == body_of(job_id), f"{name}: led to {body!r}")


def check_pywb(faults, folder, warc, jobs, port):
    """Says how many URLs pywb replayed; `None` where it is not installed."""
    try:
        from pywb.apps.frontendapp import FrontEndApp
        from pywb.manager.manager import main as manage
    except ImportError:
        return None
    from werkzeug.test import Client

    os.chdir(folder)
    manage(["init", "test"])
    names = [name for name in sorted(os.listdir(warc)) if name.endswith(".warc.gz")]
    manage(["add", "test", *(os.path.join(warc, name) for name in names)])
    client = Client(FrontEndApp(config_file=None))
    replayed = 0
    for job_id, title in jobs.items():
        if title.startswith("fails"):
            continue
        path = f"/test/mp_/http://127.0.0.1:{port}/{job_id}"
        for _ in range(20):
            result = client.get(path)
            if result.status_code // 100 != 3:
                break
            location = urllib.parse.urlsplit(urllib.parse.urljoin(
                "http://localhost" + path, result.headers["Location"]))
            path = location.path + ("?" + location.query if location.query else "")
        body = result.get_data()
        is_right = result.status_code == 200 and body == body_of(job_id)
        replayed += faults.expect(
            is_right, f"pywb: {title}: {result.status_code} at {path}: {body[:200]!r}")
    return replayed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runner", required=True)
    parser.add_argument("--format", choices=["warc", "jsonl"], default="warc")
    parser.add_argument("--pywb", action="store_true", help="it must be installed")
    arguments = parser.parse_args()
    arguments.runner = os.path.abspath(arguments.runner)
    faults = Faults()
    with tempfile.TemporaryDirectory() as folder:
        _, _, theirs, their_jobs = plans(0)
        raw_origin.write_plan(os.path.join(folder, "other.json"), theirs, their_jobs)
        with raw_origin.Origin(os.path.join(folder, "other.json")) as other:
            ours, jobs, _, _ = plans(other.port)
            raw_origin.write_plan(os.path.join(folder, "plan.json"), ours, jobs)
            with raw_origin.Origin(os.path.join(folder, "plan.json")) as origin:
                port = origin.port
                ended, verified = run(arguments, folder, port, jobs)
        said = ended.stdout + ended.stderr
        faults.expect(ended.returncode == 1, f"run: {ended.returncode} {said}")
        faults.expect(verified.returncode == 0, f"verify: {verified.stdout}{verified.stderr}")
        chain = chains(other.port) | {"fails": [hop(302, b"/@ID@/1"), hop(301, b"2")]}
        output = os.path.join(folder, arguments.format)
        replayed = None
        if arguments.format == "jsonl":
            check_jsonl(faults, output, jobs, port, chain)
        else:
            check_warc(faults, output, jobs, port, chain)
            check_digests(faults, output)
            replayed = check_pywb(faults, folder, output, jobs, port)
            faults.expect(replayed is not None or not arguments.pywb, "pywb is not installed")
        os.chdir("/")
    print(json.dumps({"jobs": len(jobs), "replayed_by_pywb": replayed, "faults": faults[:20]}))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
