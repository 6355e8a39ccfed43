"""Cases after web-platform-tests, said anew: fetch/content-length and fetch/h1-parsing.

There a browser's `fetch` is asked; a network error there is a failure here. Where the tests demand
a network error and libcurl gives a response, both are right here: the Fetch standard is stricter
than RFC 9112, and curl is what users compare with. `STRICT` names what the tests themselves demand
(`error` or a body's length), for the table in README.md.
"""

from corpus import Case, close, send

CASES = []
STRICT = {}
ERROR = "bad_response reset"


def case(name, data, demanded, expected, why):
    CASES.append(Case(f"wpt.{name}", {"": [send(data), close()]}, frozenset(expected.split()), why))
    STRICT[f"wpt.{name}"] = demanded


# MARK: Content-Length: a body of 42 bytes, and what it is said to be

BODY = b"a" * 30 + b"b" * 12
# The field lines, and how many bytes the tests want; None is a network error.
LENGTHS = [
    (["42"], 42), (["42,42"], 42), (["42", "42"], 42), (["42", "42,42"], 42),
    (["30"], 30), (["30,30"], 30), (["30", "30"], 30), (["30", "30,30"], 30),
    (["42,30"], None), (["30,42"], None), (["42", "30"], None), (["30", "42"], None),
    (["30,"], None), ([",30"], None), (["30", "\t"], None), (["", "30"], None),
    (["aaaah", "nah"], None), (["aaaah, nah"], None),
    (["aaaah", "aaaah"], 42), (["aaaah, aaaah"], 42), (["aaaah"], 42),
    (["42s"], 42), (["30s"], 42), (["-1"], 42), (["0x20"], 42),
    (["030"], 30), (["030", "30"], None), (["030, 30"], None),
]
for values, demanded in LENGTHS:
    lines = b"".join(b"Content-Length: %b\r\n" % value.encode() for value in values)
    # RFC 9112 6.3 lets a client refuse each that is no single number, and libcurl reads a number
    # as far as it goes.
    plain = len(values) == 1 and values[0].isdigit()
    case(f"length.{' & '.join(repr(value) for value in values)}",
         b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n" + BODY,
         demanded if demanded is not None else "error",
         "200" if plain else f"200 {ERROR}", f"{demanded or 'no'} bytes in the Fetch standard")

# MARK: Status codes: what stands behind the version

for text, status in [
    ("", None), ("BLAH", None), ("0 OK", 0), ("1 OK", 1), ("99 NOT OK", 99), ("099 HELLO", 99),
    ("999 DOES IT MATTER", 999), ("1000 BOO", None), ("65736 NOT 200", None), ("131072 HI", None),
]:
    # There one below 100 is handed on; RFC 9110 15 has none.
    case(f"status.{text or 'none'}", b"HTTP/1.1 %b\nX-Line: follows\n\n" % text.encode(),
         "error" if status is None else status,
         "999" if status == 999 else ERROR, "RFC 9110 15: three digits, from 100")

# MARK: A CR that is no line's end

for place, data in {
    "version": b"HTTP/1.1\r200 OK\n\nBODY",
    "status": b"HTTP/1.1 200\rOK\n\nBODY",
    "before-name": b"HTTP/1.1 200 OK\n\rName: value\n\nBODY",
    "in-name": b"HTTP/1.1 200 OK\nName\r: value\n\nBODY",
    "before-value": b"HTTP/1.1 200 OK\nName:\r value\n\nBODY",
    "twice-at-end": b"HTTP/1.1 200 OK\nName: value\r\r\nBODY",
    "instead-of-line-end": b"HTTP/1.1 200 OK\nName: value\rOther: value\n\nBODY",
}.items():
    case(f"lone-cr.{place}", data, "error", f"200 {ERROR}",
         "RFC 9112 2.2: invalid, or a space; libcurl keeps it")

# MARK: Heads that end before they have ended

for name, end in {"tab": b"\t", "space": b" ", "form-feed": b"\f", "cr": b"\r"}.items():
    case(f"incomplete.{name}", b"HTTP/1.1 200 OK\nName: value" + end, "error", ERROR,
         "RFC 9112 8: no complete head, no response")

# MARK: A byte too much at each place of a head

PLACES = [
    ("first", b""), ("in-http", b"HT"), ("before-slash", b"TP"), ("after-slash", b"/"),
    ("before-dot", b"1"), ("after-dot", b"."), ("after-version", b"1"), ("before-code", b" "),
    ("after-code", b"200"), ("before-reason", b" "), ("after-reason", b"OK"),
    ("before-name", b"\r\n"), ("in-name", b"X-Some"), ("before-colon", b"-Name"),
    ("after-colon", b":"), ("in-value", b"in"), ("after-value", b"side"),
]
REST = b"\r\nContent-Length: 5\r\n\r\nTest."
# Where such a byte leaves no `HTTP/1`; behind its slash and dot libcurl forgives a blank.
NO_HTTP = {"first", "in-http", "before-slash", "before-dot"}
for symbol, byte in [
    ("lf", b"\n"), ("cr", b"\r"), ("tab", b"\t"), ("space", b" "), ("nul", b"\0"), ("colon", b":"),
]:
    for wanted, _ in PLACES:
        data = b"".join(
            before + (byte if place == wanted else b"") for place, before in PLACES) + REST
        # Some are right: blanks around a reason or a value, a colon within either.
        case(f"byte.{symbol}.{wanted}", data, "error",
             ERROR if wanted in NO_HTTP else f"200 {ERROR}",
             "the Fetch standard refuses it; RFC 9112 2.2 and 5 let a client forgive some")

# MARK: NUL in a field

case("nul.value", b"HTTP/1.1 200 OK\r\nCustom: \0\r\nContent-Length: 2\r\n\r\nok", "error",
     f"200 {ERROR}", "RFC 9110 5.5: refuse, or a space")
