"""Plants faults in outputs that are right, and sees to it that check_output.py finds each.

The outputs are made here, by docs/OUTPUT.md and warcio, without the program.
"""

import base64
import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
import unittest

import warcio.statusandheaders
import warcio.warcwriter

import check_output
import output_jsonl
from mixed_body import mixed_body

JOBS = 60
URL = "http://127.0.0.1:8080/mixed/{}"


def record_of(job_id, **changes):
    body = mixed_body(job_id)
    record = {
        "id": job_id, "batch": 1, "state": "completed", "url": URL.format(job_id), "method": "GET",
        "status": 200, "outcome": "200", "attempts": 1,
        "fetched_at": "2026-11-21T09:10:37.123Z", "duration_ms": 1.5, "remote_ip": "127.0.0.1",
        "http_version": "1.1", "headers": [["X-ID", str(job_id)]], "body_bytes": len(body),
    }
    if output_jsonl.is_utf8(body):
        record["body"] = body.decode()
    else:
        record["body_base64"] = base64.b64encode(body).decode()
    record.update(changes)
    return record


def line_of(record):
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return re.sub(r'("duration_ms":\d+\.)(\d+),', lambda m: m[1] + m[2].ljust(3, "0") + ",",
                  text, count=1).encode() + b"\n"


def files_record(folder, job_id):
    record = record_of(job_id)
    record.pop("body", None)
    record.pop("body_base64", None)
    path = output_jsonl.body_path(1, job_id)
    os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
    with open(os.path.join(folder, path), "wb") as file:
        file.write(mixed_body(job_id))
    return record | {"file": path, "sha256": hashlib.sha256(mixed_body(job_id)).hexdigest()}


def write_warc(path, ids, own=mixed_body):
    with open(path, "wb") as file:
        writer = warcio.warcwriter.WARCWriter(file, gzip=True, warc_version="1.1")
        writer.write_record(writer.create_warcinfo_record("x", {"software": "test"}))
        for job_id in ids:
            body = own(job_id)
            fields = [("X-ID", str(job_id)), ("Content-Length", str(len(body)))]
            if job_id % 3 == 0:
                body = gzip.compress(body)
                fields = fields[:1] + [("Content-Encoding", "gzip"),
                                       ("X-Archive-Orig-Transfer-Encoding", "chunked")]
            response = writer.create_warc_record(
                URL.format(job_id), "response", payload=io.BytesIO(body),
                warc_content_type="application/http;msgtype=response",
                http_headers=warcio.statusandheaders.StatusAndHeaders(
                    "200 OK", fields, protocol="HTTP/1.1"),
                warc_headers_dict={
                    "Runner-Batch": "1", "Runner-ID": str(job_id), "Runner-Attempts": "1"})
            request = writer.create_warc_record(
                URL.format(job_id), "request", warc_content_type="application/http;msgtype=request",
                http_headers=warcio.statusandheaders.StatusAndHeaders(
                    f"GET /mixed/{job_id} HTTP/1.1", [("Host", "127.0.0.1:8080")],
                    is_http_request=True),
                warc_headers_dict={"WARC-Concurrent-To": response.rec_headers["WARC-Record-ID"]})
            writer.write_record(response)
            writer.write_record(request)


class CheckTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def check(self, format_name, *more):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = check_output.main(
                [self.folder, "--format", format_name, "--jobs", f"0..{JOBS}", *more])
        return status, json.loads(out.getvalue())

    def expect_right(self, format_name, *more):
        status, summary = self.check(format_name, *more)
        self.assertEqual((status, summary["faults"]), (0, []))
        return summary

    def expect_fault(self, format_name, pattern, *more):
        status, summary = self.check(format_name, *more)
        self.assertEqual(status, 1)
        self.assertRegex(" | ".join(summary["faults"]), pattern)


class JSONLTest(CheckTest):
    def lines(self):
        return [line_of(record_of(i)) for i in range(JOBS)]

    def test_right(self):
        lines = self.lines()
        self.write("responses-00001.jsonl", b"".join(lines[:20]))
        self.write("responses-00003.jsonl", b"".join(lines[20:]))
        summary = self.expect_right("jsonl", "--min-files", "2")
        self.assertEqual(summary["completed"], JOBS)
        self.assertGreater(summary["base64"], 5)

    def test_right_in_members(self):
        lines = self.lines()
        members = [gzip.compress(b"".join(lines[i:i + 7])) for i in range(0, JOBS, 7)]
        self.write("responses-00001.jsonl.gz", b"".join(members))
        self.assertEqual(self.expect_right("jsonl.gz")["members"], len(members))
        self.write("responses-00001.jsonl.gz", b"".join(members)[:-3])
        self.expect_fault("jsonl.gz", "torn|not gzip|no record|EOF")

    def test_faults(self):
        changed = mixed_body(9)[:-1] + b"?"
        for pattern, change in {
            "no record": lambda lines: lines.pop(7),
            "has a record already": lambda lines: lines.append(lines[7]),
            "differs at byte": lambda lines: lines.__setitem__(
                7, line_of(record_of(7) | {"body": "x"})),
            "not its own|its own body": lambda lines: lines.__setitem__(
                9, line_of({key: value for key, value in record_of(9).items()
                            if not key.startswith("body")} | {
                                "body_bytes": len(changed),
                                "body_base64": base64.b64encode(changed).decode()})),
            "in base 64": lambda lines: lines.__setitem__(7, line_of(
                {key: value for key, value in record_of(7).items() if key != "body"} | {
                    "body_bytes": 2, "body_base64": "aGk="})),
            "does not end in a line end": lambda lines: lines.append(b'{"id":'),
            "not a JSON object": lambda lines: lines.insert(3, b'{"id":3,\n'),
            "in UTF-8": lambda lines: lines.insert(3, b'{"id":"\xff"}\n'),
            "a key comes twice": lambda lines: lines.__setitem__(
                5, lines[5].replace(b'"batch":1', b'"batch":1,"batch":1')),
            "keys are in the order": lambda lines: lines.__setitem__(
                5, line_of(dict(sorted(record_of(5).items())))),
            "fetched_at is": lambda lines: lines.__setitem__(
                5, line_of(record_of(5, fetched_at="2026-11-21T09:10:37Z"))),
            "duration_ms is": lambda lines: lines.__setitem__(
                5, lines[5].replace(b":1.500,", b":1.5,")),
            "has not the fields": lambda lines: lines.__setitem__(
                5, line_of(record_of(5, headers=[["X-ID", "6"]]))),
            "was not asked for": lambda lines: lines.append(line_of(record_of(JOBS))),
            "url is": lambda lines: lines.__setitem__(
                5, line_of(record_of(5, url=URL.format(6)))),
            "not 2xx": lambda lines: lines.__setitem__(5, line_of(record_of(5, status=404))),
            "body_bytes is": lambda lines: lines.__setitem__(
                5, line_of(record_of(5, body_bytes=5_000_000))),
        }.items():
            with self.subTest(pattern):
                lines = self.lines()
                change(lines)
                self.write("responses-00001.jsonl", b"".join(lines))
                self.expect_fault("jsonl", pattern)

    def test_unknown_file(self):
        self.write("responses-00001.jsonl", b"".join(self.lines()))
        self.write("responses-00001.jsonl.tmp", b"")
        self.expect_fault("jsonl", "nobody knows this file")

    def test_unfinished(self):
        data = b"".join(self.lines())
        self.write("responses-00001.jsonl", data[:len(data) // 2])
        self.expect_fault("jsonl", "no record")
        self.expect_right("jsonl", "--unfinished")


class FilesTest(CheckTest):
    def setUp(self):
        super().setUp()
        self.records = [files_record(self.folder, i) for i in range(JOBS)]
        self.write_index()

    def write_index(self):
        self.write("index.jsonl", b"".join(line_of(record) for record in self.records))

    def test_right(self):
        self.expect_right("files")

    def test_stray_body(self):
        self.write("bodies/1/0/000/999", b"")
        self.expect_fault("files", "no index knows")
        self.expect_right("files", "--unfinished")

    def test_missing_body(self):
        os.remove(self.path("bodies/1/0/000/5"))
        self.expect_fault("files", "is not there")

    def test_link(self):
        os.rename(self.path("bodies/1/0/000/5"), self.path("elsewhere"))
        os.symlink(self.path("elsewhere"), self.path("bodies/1/0/000/5"))
        self.expect_fault("files", "is not there")

    def test_swapped_bodies(self):
        os.rename(self.path("bodies/1/0/000/5"), self.path("bodies/1/0/000/6"))
        self.write("bodies/1/0/000/5", b"")
        self.expect_fault("files", "sha256")

    def test_wrong_path(self):
        self.records[5]["file"] = "bodies/1/0/0/5"
        self.write_index()
        self.expect_fault("files", "file is")


class WARCTest(CheckTest):
    name = "responses-00001.warc.gz"

    def test_right(self):
        write_warc(self.path(self.name), range(30))
        write_warc(self.path("responses-00002.warc.gz"), range(30, JOBS))
        summary = self.expect_right("warc")
        self.assertEqual((summary["completed"], summary["gzipped"]), (JOBS, JOBS // 3))

    def test_other_body(self):
        write_warc(self.path(self.name), range(JOBS),
                   own=lambda i: mixed_body(i if i != 5 else 6))
        self.expect_fault("warc", "ID 5: .*its own body")

    def test_missing_and_twice(self):
        write_warc(self.path(self.name), [0, *range(0, JOBS - 1)])
        self.expect_fault("warc", "has a record already.*no record|no record")

    def test_torn(self):
        write_warc(self.path(self.name), range(JOBS))
        self.write(self.name, self.read(self.name)[:-5])
        self.expect_fault("warc", "torn")

    def test_one_member_for_all(self):
        write_warc(self.path(self.name), range(JOBS))
        self.write(self.name, gzip.compress(gzip.decompress(self.read(self.name))))
        self.expect_fault("warc", "does not end with its record")

    def test_changed_byte(self):
        write_warc(self.path(self.name), range(JOBS))
        records = gzip.decompress(self.read(self.name)).split(b"\r\n\r\nWARC/1.1\r\n")
        longest = max(range(len(records)), key=lambda i: len(records[i]))
        records[longest] = records[longest][:-1] + b"\0"
        members = [records[0]] + [b"WARC/1.1\r\n" + record for record in records[1:]]
        members = [record + b"\r\n\r\n" for record in members[:-1]] + [members[-1]]
        self.write(self.name, b"".join(gzip.compress(record) for record in members))
        self.expect_fault("warc", "Digest is wrong")

    def test_not_renamed(self):
        write_warc(self.path(self.name), range(JOBS))
        records = gzip.decompress(self.read(self.name)).replace(
            b"X-Archive-Orig-Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")
        self.write(self.name, gzip.compress(records))
        self.assertEqual(self.check("warc")[0], 1)


if __name__ == "__main__":
    unittest.main(warnings="ignore")  # warcio leaves files open
