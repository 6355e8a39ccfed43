"""pycurl's multi interface: one loop over a fixed set of handles, as in its examples.

pycurl_multi.py REQUESTS URL-TEMPLATE WORKERS

`select` is select(2) in older versions, which cannot see descriptors from 1024 on: keep WORKERS at
1,000 or below.
"""

import sys
from io import BytesIO

import pycurl


def main(requests: int, template: str, workers: int) -> int:
    """Fetches all and returns how many answers were bad."""
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_MAXCONNECTS, workers + 10)
    idle = []
    for _ in range(workers):
        handle = pycurl.Curl()
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PROXY, "")
        idle.append(handle)
    started = done = bad = 0
    while done < requests:
        while started < requests and idle:
            handle = idle.pop()
            handle.setopt(pycurl.URL, template.format(started))
            handle.setopt(pycurl.WRITEDATA, BytesIO())
            multi.add_handle(handle)
            started += 1
        multi.perform()
        queued = 1
        while queued:
            queued, completed, failed = multi.info_read()
            bad += len(failed)
            bad += sum(handle.getinfo(pycurl.RESPONSE_CODE) != 200 for handle in completed)
            finished = completed + [handle for handle, _, _ in failed]
            for handle in finished:
                multi.remove_handle(handle)
            idle += finished
            done += len(finished)
        if done < requests:
            multi.select(0.1)
    return bad


bad_answers = main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
if bad_answers:
    sys.exit(f"{bad_answers} bad answers")
