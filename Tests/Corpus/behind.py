"""Replies that harm the next request on their connection, or the others of their host, many times
over: what stands behind a response, and a reply by HTTP/1.1 that calls itself one by HTTP/2.

libcurl does several things in one action: it may end a request and begin another on its connection.
That takes several workers, and luck; so each reply is here a hundred times.
"""

import dataclasses

import corpus

NAMES = [
    "length.less-than-came", "length.less-than-came-large", "length.less-than-came-line-end",
    "length.less-than-came-apart", "chunk.then-more", "chunk.then-more-large", "status.http-2.0",
]

CASES = [
    dataclasses.replace(case, name=f"{case.name}.{number}")
    for case in corpus.load("own") if case.name in NAMES
    for number in range(100)
]
