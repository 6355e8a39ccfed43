"""Bytes on a connection between two responses: each case alone, with one worker and no other job.

Its first response is whole and asks to come back in a second. Behind it something is sent that
nobody asked for, and waits on the idle connection. RFC 9112 6.3: "A client MUST NOT process, cache,
or forward such extra data as a separate response".
"""

import hashlib

from corpus import Case, close, pause, send

BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
RIGHT = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright"


def case(name, why, *waiting):
    return Case(
        name, {"": [send(BUSY), pause(0.05), *waiting], "again": [send(RIGHT)]}, frozenset({"200"}),
        why, body_sha256=hashlib.sha256(b"right").hexdigest())


CASES = [
    case("idle.nothing", "a connection that is as it should be"),
    case("idle.response", "a whole response",
         send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nWRONG")),
    case("idle.failure", "a response that would be final",
         send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")),
    case("idle.status-line", "the beginning of one, which the next would complete",
         send(b"HTTP/1.1 404 Not Found\r\nX-Rest: ")),
    case("idle.byte", "a stray line end", send(b"\r\n")),
    case("idle.timeout", "what some servers say before they close",
         send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
         close()),
    case("idle.closed", "an end, as usual", close()),
]
