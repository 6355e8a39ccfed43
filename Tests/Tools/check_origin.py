"""Compares what the test origin serves as /mixed/{id} with what mixed_body.py makes of the ID.

    check_origin.py http://127.0.0.1:PORT --jobs 0..400

Prints a JSON summary; exits with 1 and the first faults when there are any.
"""

import argparse
import collections
import gzip
import http.client
import json
import sys
import urllib.parse

from mixed_body import mixed_body


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--jobs", required=True, help="A..B, without B")
    arguments = parser.parse_args()
    first, last = (int(bound) for bound in arguments.jobs.split(".."))
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(arguments.url).netloc, timeout=60)
    faults = []
    seen = collections.Counter()
    for job_id in range(first, last):
        expected = mixed_body(job_id)
        for coding in ("identity", "gzip, br"):
            connection.request("GET", f"/mixed/{job_id}", headers={"Accept-Encoding": coding})
            answer = connection.getresponse()
            body = answer.read()
            was_gzipped = answer.headers["Content-Encoding"] == "gzip"
            if was_gzipped:
                body = gzip.decompress(body)
            delivery = (
                "chunked" if answer.headers["Transfer-Encoding"] == "chunked"
                else "until close" if answer.headers["Content-Length"] is None
                else "length"
            )
            seen[delivery + (" gzip" if was_gzipped else "")] += 1
            if was_gzipped and coding == "identity":
                faults.append(f"ID {job_id}: gzipped, and nobody asked for it")
            if body != expected:
                faults.append(f"ID {job_id}, {coding}: {len(body)} bytes, not its {len(expected)}")
            if answer.headers["X-ID"] != str(job_id):
                faults.append(f"ID {job_id}: X-ID is {answer.headers['X-ID']}")
    print(json.dumps({"ids": last - first, "deliveries": seen, "faults": faults[:10]}))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
