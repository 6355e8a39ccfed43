"""Poison: replies that no server should give, and what a fetcher should make of them.

A *case* has a name and replies. A *reply* is a list of operations, which raw_origin.py carries out
on the connection that asked:

    send(b"...")              these bytes, written at once
    pause(0.05)               seconds; what is sent before and after it arrives apart
    repeat(b"...", 10, 0.01)  these bytes so many times (0: for ever), with pauses between
    close()                   FIN: the connection ends after what was sent
    reset()                   RST
    silence()                 the connection stays open, and nothing on it is ever answered again

A reply without one of the last three leaves the connection open for the next request. In what is
sent, `@ID@` is the job's ID, `@SCHEME@` (`@UPPER-SCHEME@`) and `@PORT@` the origin's, and `@DEAD@` a
port where nobody listens.

`/<id>` asks for a case's reply "", `/<id>/more` for its reply "more": where redirects lead to. With
a reply "again", the first request for `/<id>` gets "", the later ones "again".
"""

import base64
import dataclasses
import importlib.util
import json
import os
import sys

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "Corpus")

# IDs start here, so that a number below is never a job's (curl's replies name test numbers).
FIRST_ID = 1_000_000_000


def send(data):
    return ("send", bytes(data))


def pause(seconds):
    return ("pause", seconds)


def repeat(data, count=0, seconds=0.0):
    return ("repeat", bytes(data), count, seconds)


def close():
    return ("close",)


def reset():
    return ("reset",)


def silence():
    return ("silence",)


@dataclasses.dataclass
class Case:
    name: str
    # Of the path behind the ID: "" is the job's own.
    replies: dict
    # Labels of docs/STATES.md that are right; empty when something else says what is.
    expected: frozenset = frozenset()
    why: str = ""
    # Takes until the time limit.
    slow: bool = False
    # Of the curl test it came from: what `/<number>` and `/<number>000N` lead to.
    number: int | None = None
    # SHA-256 of the body that is right, when it is known.
    body_sha256: str | None = None

    def to_json(self):
        return {
            "name": self.name, "expected": sorted(self.expected), "why": self.why,
            "slow": self.slow, "number": self.number, "body_sha256": self.body_sha256,
            "replies": {
                path: [_to_json(operation) for operation in reply]
                for path, reply in self.replies.items()
            },
        }

    @classmethod
    def from_json(cls, value):
        value = dict(value)
        value["expected"] = frozenset(value["expected"])
        value["replies"] = {
            path: [_from_json(operation) for operation in reply]
            for path, reply in value["replies"].items()
        }
        return cls(**value)


def _to_json(operation):
    return [
        base64.b64encode(part).decode() if isinstance(part, bytes) else part for part in operation
    ]


def _from_json(operation):
    if operation[0] in ("send", "repeat"):
        return (operation[0], base64.b64decode(operation[1]), *operation[2:])
    return tuple(operation)


def load(name):
    """The cases of `Tests/Corpus/<name>.py`, or of a JSON file that curl_cases.py wrote."""
    if name.endswith(".json"):
        with open(name, encoding="utf-8") as file:
            return [Case.from_json(value) for value in json.load(file)["cases"]]
    # What it imports from here must be this module, also when this one was run as a program.
    sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]
    path = os.path.join(CORPUS, f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"corpus_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names = [case.name for case in module.CASES]
    assert len(names) == len(set(names)), "two cases have one name"
    return module.CASES


def healthy_body(job_id):
    """What every other ID is answered with."""
    return b'{"id":%d,"mix":"%08x"}' % (job_id, job_id * 2654435761 % 2**32)
