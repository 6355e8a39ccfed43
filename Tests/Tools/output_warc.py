"""The format warc: the file as it is, then through warcio and FastWARC."""

import base64
import hashlib
import os
import re
import subprocess
import sys
import zlib

import fastwarc.warc
import warcio.archiveiterator

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
RECORD_ID = re.compile(
    r"<urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}>")


def read(check, name):
    path = os.path.join(check.folder, name)
    records = plain_records(check, name, path)
    if check.arguments.unfinished:
        return
    by_warcio = read_with_warcio(check, name, path)
    by_fastwarc = read_with_fastwarc(check, name, path)
    ours = [(fields["warc-type"], fields["warc-record-id"]) for fields in records]
    check.expect(by_warcio == ours, name, f"warcio reads {len(by_warcio)} records of {len(ours)}")
    check.expect(
        by_fastwarc == ours, name, f"FastWARC reads {len(by_fastwarc)} records of {len(ours)}")
    result = subprocess.run(
        [sys.executable, "-m", "warcio.cli", "check", "-v", path], capture_output=True, text=True)
    said = (result.stderr or result.stdout)[-300:]
    check.expect(result.returncode == 0, name, f"warcio check: {said}")
    verdicts = [line.strip() for line in result.stdout.splitlines() if "digest" in line]
    bad = [text for text in verdicts if text not in ("digest pass", "digest not present")]
    check.expect(verdicts and not bad, name, f"warcio check: {bad[:3]}")


# The file as it is: one gzip member a record, by the letter of ISO 28500:2017.

def plain_records(check, name, path):
    with open(path, "rb") as file:
        data = file.read()
    records = []
    size = len(data)
    response = None
    failure = None
    while data:
        place = f"{name}, byte {size - len(data)}"
        member = zlib.decompressobj(wbits=31)
        try:
            text = member.decompress(data)
        except zlib.error as error:
            check.fault(place, f"not gzip: {error}")
            break
        if not member.eof:
            if not check.arguments.unfinished:
                check.fault(place, "its last gzip member is torn")
            break
        check.counts["members"] += 1
        data = member.unused_data
        fields, block = plain_record(check, place, text)
        if fields is None:
            break
        is_first = not records
        check.expect(is_first == (fields["warc-type"] == "warcinfo"), place,
                     f"record {len(records) + 1} is a {fields['warc-type']}")
        if response is not None:
            check.expect(
                fields["warc-type"] == "request"
                and fields.get("warc-concurrent-to") == response["warc-record-id"]
                and fields.get("warc-target-uri") == response["warc-target-uri"], place,
                "what follows a response is not its request")
            if "runner-state" in response:
                failure = response
            response = None
        elif fields["warc-type"] == "request":
            check.fault(place, "a request without a response before it")
        elif failure is not None or "warc-concurrent-to" in fields:
            check.expect(
                fields["warc-type"] == "metadata" and failure is not None
                and fields.get("warc-concurrent-to") == failure["warc-record-id"], place,
                "what follows the response of a failure is not its metadata")
            failure = None
        elif fields["warc-type"] == "response":
            response = fields
        check_record(check, place, fields, block)
        records.append(fields)
    if not check.arguments.unfinished:
        check.expect(response is None, name, "its last response has no request")
        check.expect(failure is None, name, "its last failure has no metadata")
    ids = [fields["warc-record-id"] for fields in records]
    check.expect(len(set(ids)) == len(ids), name, "a WARC-Record-ID comes twice")
    return records


def plain_record(check, place, text):
    head, separator, rest = text.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    if not check.expect(separator and lines[0] == b"WARC/1.1", place, f"begins with {text[:20]!r}"):
        return None, None
    fields = {}
    for line in lines[1:]:
        key, _, value = line.decode().partition(": ")
        if key.lower() != "warc-concurrent-to":
            check.expect(key.lower() not in fields, place, f"{key} comes twice")
        fields[key.lower()] = value
    for key in ("warc-type", "warc-record-id", "warc-date", "content-length"):
        if not check.expect(key in fields, place, f"there is no {key}"):
            return None, None
    length = int(fields["content-length"])
    check.expect(len(rest) == length + 4 and rest.endswith(b"\r\n\r\n"), place,
                 f"the member does not end with its record: {len(rest)} bytes of {length} + 4")
    check.expect(RECORD_ID.fullmatch(fields["warc-record-id"]), place,
                 f"WARC-Record-ID is {fields['warc-record-id']}")
    check.expect(DATE.fullmatch(fields["warc-date"]), place, f"WARC-Date is {fields['warc-date']}")
    return fields, rest[:length]


def digest(block):
    return "sha1:" + base64.b32encode(hashlib.sha1(block).digest()).decode()


def check_record(check, place, fields, block):
    if "warc-block-digest" in fields:
        is_right = fields["warc-block-digest"] == digest(block)
        check.expect(is_right, place, "WARC-Block-Digest is wrong")
    kind = fields["warc-type"]
    if kind == "warcinfo":
        check.expect(fields.get("content-type") == "application/warc-fields", place,
                     f"Content-Type is {fields.get('content-type')}")
    elif kind == "request":
        check.expect(fields.get("content-type") == "application/http;msgtype=request", place,
                     f"Content-Type is {fields.get('content-type')}")
        is_whole = re.match(rb"GET /\S* HTTP/1\.1\r\n", block) and block.endswith(b"\r\n\r\n")
        check.expect(is_whole, place, f"the request is {block[:60]!r}")
        check.expect(re.search(rb"\r\nHost: ", block), place, "the request has no Host")
    elif kind in ("response", "metadata"):
        check_job(check, place, fields, block)
    else:
        check.fault(place, f"a record of type {kind}")


def check_job(check, place, fields, block):
    for key in ("runner-batch", "runner-id", "runner-attempts"):
        value = fields.get(key, "")
        if not check.expect(value.isdecimal(), place, f"{key} is {value!r}"):
            return
    job_id = int(fields["runner-id"])
    place = f"{place}, ID {job_id}"
    if "runner-hop" in fields:
        is_redirect = re.match(rb"HTTP/1\.[01] 30[12378]( |$)", block)
        check.expect(is_redirect, place, f"a hop begins with {block[:30]!r}")
        return
    is_response = fields["warc-type"] == "response"
    url = check.arguments.url.replace("{id}", str(job_id))
    asked = fields.get("runner-url", fields.get("warc-target-uri", ""))
    check.expect(re.fullmatch(url, asked), place, f"the URL is {asked!r}")
    if "runner-state" in fields:
        is_failure = fields["runner-state"] == "failed" and is_response
        check.expect(is_failure, place, f"Runner-State is {fields['runner-state']}")
        check.expect(re.match(rb"HTTP/1\.[01] \d\d\d( |\r)", block), place,
                     f"the block begins with {block[:30]!r}")
        return
    if not check.record(place, int(fields["runner-batch"]), job_id,
                        "completed" if is_response else "failed"):
        check.expect(fields.get("content-type") == "application/warc-fields", place,
                     f"Content-Type is {fields.get('content-type')}")
        return
    check.expect(fields.get("content-type") == "application/http;msgtype=response", place,
                 f"Content-Type is {fields.get('content-type')}")
    check.expect("warc-block-digest" in fields and "warc-payload-digest" in fields, place,
                 "there is a digest missing")
    head, separator, payload = block.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    line = re.match(rb"HTTP/1\.[01] (\d\d\d)( |$)", lines[0])
    if not check.expect(separator and line and check.is_status(int(line[1])), place,
                        f"the block begins with {block[:30]!r}"):
        return
    check.expect(fields.get("warc-payload-digest") == digest(payload), place,
                 "WARC-Payload-Digest is wrong")
    http = [tuple(part.strip() for part in line.partition(b":")[::2]) for line in lines[1:]]
    names = [name.lower() for name, _ in http]
    check.expect(b"transfer-encoding" not in names, place, "Transfer-Encoding was not renamed")
    if check.arguments.body == "mixed":
        check.expect((b"X-ID", b"%d" % job_id) in http, place, "has not the fields of its response")
    is_truncated = fields.get("warc-truncated") == "length"
    if b"content-length" in names and not is_truncated and check.keeps_bodies:
        length = int(http[names.index(b"content-length")][1])
        check.expect(
            length == len(payload), place, f"Content-Length is {length}, it has {len(payload)}")
    if not check.keeps_bodies:
        check.expect(not payload, place, "has a body")
        return
    if (b"Content-Encoding", b"gzip") in http:
        check.counts["gzipped"] = check.counts.get("gzipped", 0) + 1
        unpacker = zlib.decompressobj(wbits=31)
        try:
            payload = unpacker.decompress(payload)
        except zlib.error as error:
            check.fault(place, f"the body is not gzip: {error}")
            return
        check.expect(unpacker.eof or is_truncated, place, "the gzipped body is torn")
    check.body(place, job_id, payload, is_truncated)


# The same through readers that others wrote.

def read_with_warcio(check, name, path):
    records = []
    with open(path, "rb") as file:
        try:
            for record in warcio.archiveiterator.ArchiveIterator(file, check_digests="raise"):
                body = record.content_stream().read()
                records.append(
                    (record.rec_type, record.rec_headers.get_header("WARC-Record-ID")))
                if record.rec_type == "response" and not (
                        record.rec_headers["Runner-Hop"] or record.rec_headers["Runner-State"]):
                    compare(check, f"{name} by warcio", record.rec_headers, body)
        except Exception as error:  # whatever it is, it could not read the file
            check.fault(name, f"warcio: {type(error).__name__}: {error}")
    return records


def read_with_fastwarc(check, name, path):
    records = []
    with open(path, "rb") as file:
        try:
            for record in fastwarc.warc.ArchiveIterator(file, parse_http=False):
                kind = str(record.record_type)
                records.append((kind, record.headers["WARC-Record-ID"]))
                check.expect(
                    "WARC-Block-Digest" not in record.headers or record.verify_block_digest(), name,
                    f"FastWARC: the block digest of {record.record_id} is wrong")
                if kind == "response":
                    record.parse_http()
                    status = record.http_headers.status_code
                    is_right = (
                        status // 100 == 3 if "Runner-Hop" in record.headers
                        else "Runner-State" in record.headers or check.is_status(status))
                    check.expect(is_right, name, f"FastWARC: status {status}")
                    check.expect(record.verify_payload_digest(), name,
                                 f"FastWARC: the payload digest of {record.record_id} is wrong")
        except Exception as error:
            check.fault(name, f"FastWARC: {type(error).__name__}: {error}")
    return records


def compare(check, place, headers, body):
    job_id = int(headers.get_header("Runner-ID", -1))
    own = check.own_digests.get(job_id)
    if own is not None and not headers.get_header("WARC-Truncated"):
        check.expect(hashlib.sha256(body).digest() == own, place, f"ID {job_id}: not its own body")
