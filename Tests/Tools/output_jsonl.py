"""The formats jsonl, jsonl.gz and files, as docs/OUTPUT.md describes them."""

import base64
import gzip
import hashlib
import json
import os
import re
import zlib

KEYS = [
    "id", "batch", "state", "url", "final_url", "redirects", "method", "status", "outcome",
    "error", "attempts",
    "fetched_at", "duration_ms", "remote_ip", "http_version", "headers", "body_bytes", "truncated",
    "body", "body_base64", "file", "sha256",
]
OPTIONAL = {"error", "final_url", "redirects", "truncated", "body", "body_base64", "file", "sha256"}
START = re.compile(r'\{"id":\d+,"batch":\d+,"state":"(completed|failed)","url":"')
# As they must stand in the text, where a reader of JSON would not see the difference.
AS_WRITTEN = {
    "fetched_at": re.compile(r',"fetched_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",'),
    "duration_ms": re.compile(r',"duration_ms":\d+\.\d{3},'),
}


def read(check, name, format_name):
    path = os.path.join(check.folder, name)
    with open(path, "rb") as file:
        data = file.read()
    if format_name == "jsonl.gz":
        data = members(check, name, data)
    if check.arguments.unfinished:
        data = data[:data.rfind(b"\n") + 1]
    check.expect(not data or data.endswith(b"\n"), name, "does not end in a line end")
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        read_line(check, f"{name}:{number}", line, format_name)


def members(check, name, data):
    """Unpacks gzip members one after another, of which none may be torn."""
    unpacked = []
    rest = data
    while rest:
        member = zlib.decompressobj(wbits=31)
        try:
            text = member.decompress(rest)
        except zlib.error as error:
            check.fault(name, f"not gzip, {len(rest)} bytes before its end: {error}")
            return b"".join(unpacked)
        if not member.eof:
            if not check.arguments.unfinished:
                check.fault(name, "its last gzip member is torn")
            return b"".join(unpacked)
        check.counts["members"] += 1
        check.expect(
            not text or text.endswith(b"\n"), name, "a gzip member ends within a line")
        unpacked.append(text)
        rest = member.unused_data
    # Another reader, which knows of members by itself.
    check.expect(
        gzip.decompress(data) == b"".join(unpacked), name, "gzip reads something else")
    return b"".join(unpacked)


def no_key_twice(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key comes twice")
    return dict(pairs)


def read_line(check, place, line, format_name):
    try:
        text = line.decode()
        record = json.loads(text, object_pairs_hook=no_key_twice)
        keys = list(record)
    except (ValueError, AttributeError) as error:
        return check.fault(place, f"not a JSON object in UTF-8: {error}")
    missing = [key for key in KEYS if key not in record and key not in OPTIONAL]
    if not check.expect(not missing, place, f"there is no {missing}"):
        return None
    job_id = record["id"]
    state = record["state"]

    def expect(condition, text):
        check.expect(condition, place, f"ID {job_id}: {text}")

    expect(keys == [key for key in KEYS if key in record], f"keys are in the order {keys}")
    expect(START.match(text), f"begins with {text[:60]}")
    for key, pattern in AS_WRITTEN.items():
        expect(pattern.search(text[:4096 + len(record["url"])]), f"{key} is {record[key]!r}")
    for key in ("id", "batch", "attempts", "body_bytes"):
        expect(type(record[key]) is int, f"{key} is {record[key]!r}")
    url = check.arguments.url.replace("{id}", str(job_id))
    expect(re.fullmatch(url, record["url"]), f"url is {record['url']}")
    expect(record["method"] == "GET", f"method is {record['method']!r}")
    expect(record["attempts"] >= 1, f"attempts is {record['attempts']}")
    expect(record["http_version"] in ("1.0", "1.1", "2", None), "http_version is wrong")
    expect(record.get("truncated", True) is True, "truncated is not true")
    expect(state in ("completed", "failed"), f"state is {state!r}")
    for field in record["headers"]:
        is_pair = len(field) == 2 and all(type(text) is str for text in field)
        expect(is_pair and all(ord(c) < 256 for c in field[0] + field[1]), f"header {field!r}")

    if not check.record(place, record["batch"], job_id, state):
        if state != "failed":
            return None
        expect(record["status"] is None or type(record["status"]) is int,
               f"status is {record['status']!r}")
        # An answer that fails its job has a body; what broke off has none.
        has_body = len({"body", "body_base64", "file"} & set(record)) == 1
        is_answer = record["outcome"] == str(record["status"])
        expect(has_body == (is_answer and check.keeps_bodies), f"has a body: {has_body}")
        expect(not (is_answer and "error" in record), "an answer has an error")
        if "file" in record:
            read_body_file(check, place, record)
        return None
    is_right = type(record["status"]) is int and check.is_status(record["status"])
    expect(is_right, f"status is {record['status']!r}, not {check.arguments.status or '2xx'}")
    expect("error" not in record, "a completed job has an error")
    expect(record["outcome"] == str(record["status"]), f"outcome is {record['outcome']!r}")
    expect(record["remote_ip"] == "127.0.0.1", f"remote_ip is {record['remote_ip']!r}")
    expect(record["http_version"] == "1.1", f"http_version is {record['http_version']!r}")
    if check.arguments.body == "mixed":
        expect(["X-ID", str(job_id)] in record["headers"], "has not the fields of its response")
    if format_name == "files":
        return read_body_file(check, place, record)
    if not check.keeps_bodies:
        return expect("body" not in record and "body_base64" not in record, "has a body")
    expect(("body" in record) != ("body_base64" in record), "has not one body")
    if "body" in record:
        try:
            body = record["body"].encode()
        except UnicodeEncodeError:
            return expect(False, "the body is no UTF-8")
    else:
        check.counts["base64"] += 1
        body = base64.b64decode(record["body_base64"], validate=True)
        expect(not is_utf8(body), "a body in UTF-8 is in base 64")
    expect(len(body) == record["body_bytes"], f"body_bytes is {record['body_bytes']}")
    return check.body(place, job_id, body, "truncated" in record)


def is_utf8(body):
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def body_path(batch, job_id):
    return f"bodies/{batch}/{job_id // 1_000_000}/{job_id // 1000 % 1000:03}/{job_id}"


def read_body_file(check, place, record):
    job_id = record["id"]
    if not check.keeps_bodies:
        check.expect("file" not in record, place, f"ID {job_id}: names a file")
        return
    path = body_path(record["batch"], job_id)
    if record["state"] == "failed":
        path += f"-{record.get('sha256', '')[:32]}"
    is_its_own = record.get("file") == path
    if not check.expect(is_its_own, place, f"ID {job_id}: file is {record.get('file')!r}"):
        return
    full = os.path.join(check.folder, path)
    if not check.expect(os.path.isfile(full) and os.path.realpath(full).endswith("/" + path), place,
                        f"ID {job_id}: {path} is not there"):
        return
    with open(full, "rb") as file:
        body = file.read()
    check.bodies_at[path] = job_id
    check.expect(len(body) == record["body_bytes"], place,
                 f"ID {job_id}: body_bytes is {record['body_bytes']}, the file has {len(body)}")
    check.expect(record.get("sha256") == hashlib.sha256(body).hexdigest(), place,
                 f"ID {job_id}: sha256 is {record.get('sha256')!r}")
    check.body(place, job_id, body, "truncated" in record)


def check_bodies_folder(check):
    """All that is in bodies/ stands in an index, and no folder is too full."""
    for folder, subfolders, names in os.walk(os.path.join(check.folder, "bodies")):
        check.expect(len(names) <= 1000, folder, f"{len(names)} files")
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), check.folder)
            # A kill may leave a draft, which the next failure with these bytes replaces.
            is_known = path in check.bodies_at or name.endswith(".draft")
            check.expect(is_known, path, "no index knows this file")
