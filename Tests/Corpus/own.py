"""Our own poison: what HTTP servers have been seen to send, and what they could.

The labels that are right come from RFC 9110 and 9112 and from `curl -L --compressed`; where both
leave a choice, or where versions of libcurl differ and none is wrong, there are several.
"""

import gzip
import hashlib
import zlib

from corpus import Case, close, pause, repeat, reset, send, silence

CASES = []


def zeros(megabytes, *rounds):
    """Zeros, gzipped once for each of `rounds`, without ever being there as a whole."""
    packer = zlib.compressobj(rounds[0], wbits=31)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()
    for level in rounds[1:]:
        packed = gzip.compress(packed, level, mtime=0)
    return packed


def case(name, reply, expected, why, more=None, slow=False, body=None):
    """Adds a case; `reply` is bytes to send, or operations."""
    replies = {"": reply} | (more or {})
    CASES.append(
        Case(
            name,
            {
                path: [send(value)] if isinstance(value, bytes) else list(value)
                for path, value in replies.items()
            },
            frozenset(expected.split()), why, slow,
            body_sha256=None if body is None else hashlib.sha256(body).hexdigest()))


def response(status="200 OK", *fields, body=b"ok", length=True):
    """A response that is right, but for what `fields` make of it."""
    lines = [f"HTTP/1.1 {status}".encode()]
    lines += [field.encode("latin-1") if isinstance(field, str) else field for field in fields]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*chunks, end=b"0\r\n\r\n"):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def redirect(location, *fields, status="302 Found", body=b""):
    return response(status, f"Location: {location}", *fields, body=body)


def encoded(coding, body):
    return response("200 OK", f"Content-Encoding: {coding}", body=body)


POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON"
OK = response()
TEXT = b"The quick brown fox jumps over the lazy dog. " * 40

# MARK: The head, line by line

case("line.first-begins-with-space", response("200 OK", " Date: yesterday"), "bad_response",
     "RFC 9112 2.2: reject, or drop the line; libcurl 7.88 writes where it should not (curl 1473)")
case("line.first-begins-with-tab", response("200 OK", "\tDate: yesterday"), "bad_response",
     "as with a space")
case("line.first-is-a-space", response("200 OK", " "), "bad_response", "as with a space and a name")
case("line.folded", response("200 OK", "X-Folded: one", " two", "\tthree"), "200",
     "RFC 9112 5.2: a client takes a fold as a space", body=b"ok")
case("line.folded-many", response("200 OK", "X-Folded: 0", *(f" {n}" for n in range(2000))), "200",
     "2,000 folds of one field, 12 KB of them", body=b"ok")
case("line.99k", response("200 OK", "X-Long: " + "a" * 99_000), "200",
     "libcurl takes lines of up to 100 KB", body=b"ok")
case("line.110k", response("200 OK", "X-Long: " + "a" * 110_000), "bad_response too_large",
     "beyond libcurl's 100 KB (curl 1154), which 7.88 calls out of memory: not ours, the server's")
case("line.endless", [send(b"HTTP/1.1 200 OK\r\nX-Long: "), repeat(b"a" * 8192)],
     "bad_response too_large", "ends at 100 KB")
case("line.status-110k", b"HTTP/1.1 200 " + b"O" * 110_000 + b"\r\nContent-Length: 0\r\n\r\n",
     "bad_response too_large", "the status line is one, too")
case("line.bare-lf", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "200",
     "RFC 9112 2.2: a single LF may be taken as a line's end", body=b"ok")
case("line.mixed-ends", b"HTTP/1.1 200 OK\r\nX: y\nContent-Length: 2\r\n\nok", "200",
     "as with bare LF", body=b"ok")
case("line.nul-in-value", response("200 OK", b"X-Nul: a\0b"), "200 bad_response",
     "RFC 9110 5.5: reject, or take it as a space")
case("line.nul-in-name", response("200 OK", b"X-N\0ul: ab"), "200 bad_response",
     "no token, so no header field; libcurl versions differ")
case("line.no-colon", response("200 OK", "this is no field"), "bad_response",
     "not HTTP; curl: weird server reply")
case("line.empty-name", response("200 OK", ": nameless"), "200 bad_response",
     "no token; curl takes it")
case("line.space-before-colon", response("200 OK", "X-Space : y"), "200 bad_response",
     "RFC 9112 5.1 makes only servers refuse it")
case("line.not-utf8", response("200 OK", b"X-Latin: \xe9\xff\x80\xc3"), "200",
     "field values are bytes (obs-text); records must still be JSON", body=b"ok")
case("line.controls", response("200 OK", b"X-Control: a\x01\x02\x1b[31m\x7fb"), "200 bad_response",
     "RFC 9110 5.5: may be kept or refused; never on a terminal")
case("head.280k", response("200 OK", *(f"X-{n}: " + "b" * 2780 for n in range(100))), "200",
     "below the bound of 300 KB", body=b"ok")
case("head.320k", response("200 OK", *(f"X-{n}: " + "b" * 3190 for n in range(100))), "too_large",
     "above it")
case("head.endless", [send(b"HTTP/1.1 200 OK\r\n"), repeat(b"X-More: of the same\r\n" * 400)],
     "too_large", "ends at the bound")
case("head.10000-fields", response("200 OK", *(f"X-{n}: {n}" for n in range(10_000))),
     "200 too_large bad_response", "130 KB; later versions of libcurl take 5,000 fields")
case("head.cookies", response("200 OK", *(f"Set-Cookie: c{n}=" + "v" * 4000 for n in range(30))),
     "200", "cookies are not kept", body=b"ok")

# MARK: Status lines

case("status.099", response("099 Low"), "bad_response", "RFC 9110 15: 100 to 599; curl: no HTTP")
case("status.99", response("99 Short"), "bad_response", "three digits")
case("status.1000", response("1000 Long"), "bad_response", "three digits")
case("status.2000", response("2000 OK"), "bad_response",
     "three digits, and no 200: libcurl takes the first three since 8.13")
case("status.000", response("000 Nothing"), "bad_response", "no status at all")
case("status.0", response("0 Nothing"), "bad_response", "three digits")
case("status.word", response("Fine OK"), "bad_response", "three digits")
case("status.missing", b"HTTP/1.1 \r\nContent-Length: 2\r\n\r\nok", "bad_response", "none at all")
case("status.999", response("999 Denied"), "999", "sent by real sites; an answer, kept as it is")
case("status.600", response("600 Beyond"), "600", "an answer that is not worth a retry")
case("status.no-reason", response("200"), "200", "the reason may be missing", body=b"ok")
case("status.long-reason", response("200 " + "x" * 20_000), "200", "and may be long", body=b"ok")
case("status.http-2.0", OK.replace(b"HTTP/1.1", b"HTTP/2.0"), "bad_response 200",
     "a version that was not spoken; curl knows HTTP/2 without a dot")
case("status.http-1.9", OK.replace(b"HTTP/1.1", b"HTTP/1.9"), "bad_response 200",
     "RFC 9110 2.5: could be read as 1.1; curl refuses")
case("status.http-1.0", [send(b"HTTP/1.0 200 OK\r\n\r\nok"), close()], "200", "until close",
     body=b"ok")
case("status.lower-case", OK.replace(b"HTTP", b"http"), "bad_response 200",
     "the name is case-sensitive")
case("status.http-0.9", [send(b"no head at all, just text\n"), close()], "bad_response",
     "curl has refused HTTP/0.9 since 7.66")
case("status.icy", [send(b"ICY 200 OK\r\nicy-name: radio\r\n\r\nnoise"), close()], "bad_response",
     "not HTTP")
case("status.blank-lines-first", [send(b"\r\n\r\n" + OK), close()], "bad_response 200",
     "RFC 9112 2.2 forgives servers' readers only")
case("status.h2-preface", [send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), close()], "bad_response",
     "HTTP/2, from the wrong side")
case("status.h2-settings", [send(b"\0\0\0\4\0\0\0\0\0\0\0\4\1\0\0\0\0"), close()], "bad_response",
     "HTTP/2 on a connection that speaks 1.1")
case("status.tls-alert", [send(b"\x15\x03\x01\x00\x02\x02\x28"), close()], "bad_response",
     "an HTTPS server on the wrong port")
case("status.ssh", [send(b"SSH-2.0-OpenSSH_9.2\r\n"), close()], "bad_response", "not HTTP")
case("interim.three", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3 + OK, "200",
     "RFC 9110 15.2: read on", body=b"ok")
case("interim.endless", [repeat(b"HTTP/1.1 102 Processing\r\n\r\n" * 300)],
     "too_large bad_response timeout reset", "ends in some way, with memory as before")
case("interim.then-closed", [send(b"HTTP/1.1 100 Continue\r\n\r\n"), close()],
     "reset bad_response", "an interim response is none")
case("interim.101", [send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nbytes"), close()],
     "101 bad_response reset", "to a protocol nobody asked for")
case("status.401-garbage", response("401 Who", "WWW-Authenticate: " + ",=\"" * 3000), "401",
     "an answer; challenges are not read")
case("status.407", response("407 Proxy", "Proxy-Authenticate: NTLM TlRMTVNTUAACAAA="), "407",
     "an answer, though there is no proxy")
case("status.503-garbage-wait", response("503 Busy", "Retry-After: soon"), "503",
     "no time in it: the usual wait")
case("status.503-negative-wait", response("503 Busy", "Retry-After: -99999999999999999999"), "503",
     "as garbage")
case("status.429-past-date", response("429 Slow", "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT"),
     "429", "a date that is over")

# MARK: Lengths

case("length.negative", [send(OK.replace(b": 2", b": -2")), close()], "bad_response 200",
     "RFC 9112 6.3: unrecoverable; libcurl 7.88 reads until close")
case("length.word", [send(OK.replace(b": 2", b": two")), close()], "bad_response 200",
     "as a negative one")
case("length.hex", [send(OK.replace(b": 2", b": 0x2")), close()], "bad_response 200 reset",
     "as a negative one; libcurl 7.88 reads a number as far as it goes")
case("length.overflow", [send(OK.replace(b": 2", b": 99999999999999999999")), close()],
     "bad_response reset 200", "beyond 64 bits; libcurl reads until close")
case("length.exabytes", [send(OK.replace(b": 2", b": 9223372036854775807")), close()],
     "reset bad_response too_large", "less came than was said")
case("length.more-than-came", [send(OK.replace(b": 2", b": 10")), close()], "reset",
     "RFC 9112 8: incomplete")
case("length.less-than-came", OK + POISON, "200",
     "what stands behind is nobody's answer, least of all the next job's", body=b"ok")
# Larger than a read, and within one segment of loopback: what comes in a segment of its own, once
# the next request is on its way, is that one's answer for all a client can tell.
LARGE = b"0123456789" * 2_000
case("length.less-than-came-large", response(body=LARGE) + POISON, "200",
     "the same, where libcurl reads just as much as was said and leaves the rest to the next",
     body=LARGE)
case("length.less-than-came-line-end", response(body=LARGE) + b"\n", "200",
     "the same with one byte, as in curl 224", body=LARGE)
case("length.less-than-came-apart",
     [send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), send(b"ok" + POISON)], "200",
     "the same, where a small body comes in a segment of its own", body=b"ok")
case("chunk.then-more-large", chunked(LARGE) + POISON, "200", "the same in chunks", body=LARGE)
# Not written apart, as in send(OK), send(POISON): what comes once the next request is on its way is
# that one's answer, for all a client can tell; one in ten does. `idle` has what comes in between.
case("length.zero-and-body", response(body=b"") + POISON, "200", "the same", body=b"")
case("length.twice-alike", response("200 OK", "Content-Length: 2"), "200 bad_response",
     "RFC 9112 6.3 lets either", body=b"ok")
case("length.twice-apart", [send(response("200 OK", "Content-Length: 6")), close()],
     "bad_response reset 200", "RFC 9112 6.3: unrecoverable; libcurl 7.88 takes one of them")
case("length.list-alike", OK.replace(b": 2", b": 2, 2"), "200 bad_response", "as twice alike")
case("length.list-apart", [send(OK.replace(b": 2", b": 2, 6")), close()], "bad_response 200 reset",
     "as twice apart")
case("length.empty", [send(OK.replace(b": 2", b":")), close()], "bad_response 200",
     "no number; libcurl 7.88 reads until close")
case("length.and-chunked", chunked(b"in chunks").replace(b"Tr", b"Content-Length: 3\r\nTr", 1),
     "200", "RFC 9112 6.3: chunks win", body=b"in chunks")
case("length.none-kept-alive", b"HTTP/1.1 200 OK\r\n\r\nok", "timeout",
     "RFC 9112 6.3: until close, which never comes", slow=True)

# MARK: Chunks

case("chunk.size-overflow", [send(chunked(end=b"FFFFFFFFFFFFFFFFF\r\nok\r\n0\r\n\r\n")), close()],
     "bad_response", "RFC 9112 7.1: must be looked out for")
case("chunk.size-max", [send(chunked(end=b"7FFFFFFFFFFFFFFF\r\nok\r\n0\r\n\r\n")), close()],
     "reset bad_response too_large", "less came than was said")
case("chunk.size-garbage", [send(chunked(b"ok", end=b"zz\r\nok\r\n0\r\n\r\n")), close()],
     "bad_response", "no number")
case("chunk.size-negative", [send(chunked(b"ok", end=b"-2\r\nok\r\n0\r\n\r\n")), close()],
     "bad_response", "no number")
case("chunk.size-empty", [send(chunked(b"ok", end=b"\r\nok\r\n0\r\n\r\n")), close()],
     "bad_response reset", "no number")
case("chunk.size-zeros", chunked(end=b"0" * 40 + b"2\r\nok\r\n0\r\n\r\n"), "200 bad_response",
     "right, and longer than libcurl's 16 digits")
case("chunk.no-line-end", [send(chunked(end=b"2\r\nokXX0\r\n\r\n")), close()], "bad_response",
     "more data than the chunk's size")
case("chunk.extension", chunked(end=b"2;name=\"v\"\r\nok\r\n0;last\r\n\r\n"), "200",
     "RFC 9112 7.1.1: ignored", body=b"ok")
case("chunk.long-extension", chunked(end=b"2;x=" + b"y" * 200_000 + b"\r\nok\r\n0\r\n\r\n"),
     "200 bad_response too_large", "ignored, or refused for its length")
case("chunk.bare-lf", chunked(end=b"2\nok\n0\n\n"), "200 bad_response", "libcurl takes it")
case("chunk.cut-in-chunk", [send(chunked(end=b"A\r\nok")), close()], "reset bad_response",
     "RFC 9112 8: incomplete")
case("chunk.cut-before-last", [send(chunked(b"ok", end=b"")), close()], "reset bad_response",
     "RFC 9112 8: incomplete without the last chunk")
case("chunk.then-more", chunked(b"ok") + POISON, "200", "as with a length", body=b"ok")
case("chunk.trailers", chunked(b"ok", end=b"0\r\nX-After: all\r\nExpires: now\r\n\r\n"), "200",
     "RFC 9112 7.1.2: may be dropped", body=b"ok")
case("chunk.trailer-begins-with-blank", chunked(b"ok", end=b"0\r\n X-After: all\r\n\r\n"),
     "200 bad_response", "a fold of nothing, as in a head's first line")
case("chunk.trailer-no-colon", chunked(b"ok", end=b"0\r\nnothing\r\n\r\n"), "200 bad_response",
     "not looked at, or refused")
case("chunk.trailer-110k",
     chunked(b"ok", end=b"0\r\nX-Long: " + b"a" * 110_000 + b"\r\n\r\n"),
     "bad_response too_large", "beyond libcurl's line, as in a head")
case("chunk.trailers-endless",
     [send(chunked(b"ok", end=b"0\r\n")), repeat(b"X-After: all\r\n" * 600)],
     "too_large bad_response timeout reset", "ends in some way, with memory as before")
case("chunk.tiny", chunked(*[b"x"] * 20_000), "200", "20,000 chunks of a byte", body=b"x" * 20_000)
case("transfer.unknown",
     [send(response("200 OK", "Transfer-Encoding: bogus", length=False)), close()],
     "bad_response", "RFC 9112 6.1: no way to tell the body")
case("transfer.gzip-chunked",
     [send(chunked(gzip.compress(TEXT, mtime=0)).replace(b"chunked", b"gzip, chunked", 1)),
      close()],
     "200 bad_response", "not asked for with TE, so a server must not; curl decodes it", body=TEXT)
case("transfer.gzip", [
    send(response("200 OK", "Transfer-Encoding: gzip", body=gzip.compress(TEXT, mtime=0),
                  length=False)), close()], "200 bad_response",
     "as in chunks: decoded or refused, never kept as it came", body=TEXT)
case("transfer.unknown-chunked", [
    send(chunked(b"ok").replace(b"chunked", b"bogus, chunked", 1)), close()], "bad_response",
     "RFC 9112 6.1: no way to tell the body")

# MARK: Content codings

ZIPPED = gzip.compress(TEXT, mtime=0)
RAW = zlib.compressobj(wbits=-15)
RAW = RAW.compress(TEXT) + RAW.flush()
# A stored meta-block: "hello".
BROTLI = b"\x0b\x02\x80hello\x03"

case("coding.gzip", encoded("gzip", ZIPPED), "200", "as asked for", body=TEXT)
case("coding.x-gzip", encoded("x-gzip", ZIPPED), "200", "RFC 9110 8.4.1.3: the same", body=TEXT)
case("coding.gzip-cut", encoded("gzip", ZIPPED[:40]), "bad_response",
     "what was said came, and is not all: no short success")
case("coding.gzip-no-trailer", encoded("gzip", ZIPPED[:-8]), "bad_response",
     "the body may be whole; its checksum is missing")
case("coding.gzip-head-only", encoded("gzip", ZIPPED[:10]), "bad_response", "no byte of it came")
case("coding.gzip-cut-in-head", encoded("gzip", ZIPPED[:4]), "bad_response", "no byte of it came")
case("coding.gzip-wrong-sum", encoded("gzip", ZIPPED[:-8] + b"\0\0\0\0" + ZIPPED[-4:]),
     "bad_response", "the checksum is of something else")
case("coding.gzip-not", encoded("gzip", b"plain text that is none"), "bad_response", "not gzip")
case("coding.gzip-and-garbage", encoded("gzip", ZIPPED + b"garbage"), "200 bad_response",
     "whole, and something behind it")
case("coding.gzip-two-members", encoded("gzip", ZIPPED + ZIPPED), "200 bad_response",
     "RFC 1952 2.2 allows it; libcurl takes the first and refuses the rest")
case("coding.gzip-empty", encoded("gzip", b""), "200", "no body is encoded as none by many servers",
     body=b"")
case("coding.gzip-of-nothing", encoded("gzip", gzip.compress(b"", mtime=0)), "200", "twenty bytes",
     body=b"")
case("coding.gzip-chunked-cut", [send(
    chunked(ZIPPED[:40]).replace(b"Tr", b"Content-Encoding: gzip\r\nTr", 1))], "bad_response",
     "every chunk came, and they are not all")
case("coding.gzip-close-cut", [send(
    response("200 OK", "Content-Encoding: gzip", body=ZIPPED[:40], length=False)), close()],
     "bad_response reset", "until close, too early")
case("coding.gzip-bomb", encoded("gzip", zeros(17, 9)), "too_large",
     "17 MB in 17 KB")
case("coding.gzip-bomb-twice", encoded("gzip, gzip", zeros(200, 1, 9)), "too_large",
     "200 MB in a bomb in a bomb")
case("coding.deflate-zlib", encoded("deflate", zlib.compress(TEXT)), "200", "RFC 9110 8.4.1.2",
     body=TEXT)
case("coding.deflate-raw", encoded("deflate", RAW), "200", "wrong, and common", body=TEXT)
case("coding.deflate-cut", encoded("deflate", zlib.compress(TEXT)[:30]), "bad_response", "as gzip")
case("coding.deflate-raw-cut", encoded("deflate", RAW[:30]), "bad_response", "as gzip")
case("coding.br", encoded("br", BROTLI), "200", "RFC 7932", body=b"hello")
case("coding.br-cut", encoded("br", BROTLI[:6]), "bad_response", "as gzip")
case("coding.br-no-end", encoded("br", BROTLI[:-1]), "bad_response", "as gzip")
case("coding.br-not", encoded("br", b"\xff\xff\xff\xffplain"), "bad_response", "not brotli")
case("coding.br-empty", encoded("br", b""), "200", "as gzip of no byte", body=b"")
case("coding.two", encoded("deflate, gzip", gzip.compress(zlib.compress(TEXT), mtime=0)), "200",
     "RFC 9110 8.4: in the order they were applied", body=TEXT)
case("coding.two-outer-cut",
     encoded("deflate, gzip", gzip.compress(zlib.compress(TEXT), mtime=0)[:40]), "bad_response",
     "as gzip")
case("coding.two-inner-cut",
     encoded("deflate, gzip", gzip.compress(zlib.compress(TEXT)[:40], mtime=0)), "bad_response",
     "the outer is whole, the inner is not")
case("coding.identity", encoded("identity", TEXT), "200", "no coding", body=TEXT)
case("coding.none", encoded("none", TEXT), "200", "no coding, says curl, too (curl 328)", body=TEXT)
case("coding.unknown", encoded("bogus", TEXT), "bad_response",
     "curl --compressed: bad content encoding")
case("coding.hundred", encoded(", ".join(["gzip"] * 100), ZIPPED), "bad_response",
     "libcurl takes five")

# MARK: Responses without a body

case("bodiless.204-with-body", response("204 Nothing", body=b"POISON"), "204",
     "RFC 9112 6.3: ends with its head; what stands behind is nobody's answer", body=b"")
case("bodiless.204-then-response", response("204 Nothing", length=False, body=b"") + POISON, "204",
     "the same", body=b"")
case("bodiless.204-gzip", response("204 Nothing", "Content-Encoding: gzip", body=b""), "204",
     "nothing of nothing: not cut", body=b"")
case("bodiless.204-chunked",
     b"HTTP/1.1 204 Nothing\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nPOISON\r\n0\r\n\r\n", "204",
     "RFC 9112 6.1 forbids it", body=b"")
case("bodiless.304-with-body", response("304 Same", body=b"POISON"), "304", "as 204")
case("bodiless.304-length", b"HTTP/1.1 304 Same\r\nContent-Length: 1000\r\n\r\n", "304",
     "the length of what would have come")
case("bodiless.304-gzip",
     b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\nContent-Encoding: gzip\r\n\r\n", "304", "the same")
case("bodiless.205", response("205 Reset", body=b""), "205", "an answer", body=b"")

# MARK: Redirects

END = {"end": OK}
for status in (301, 302, 303, 307, 308):
    case(f"redirect.{status}", redirect("/@ID@/end", status=f"{status} There"), "200",
         "RFC 9110 15.4: followed", END, body=b"ok")
for status in (300, 304, 305, 306, 310, 399):
    case(f"redirect.{status}", redirect("/@ID@/end", status=f"{status} There"), f"{status}",
         "not one of the five: an answer", END)
case("redirect.201-with-location", redirect("/@ID@/end", status="201 Made"), "201",
     "names what was made, and leads nowhere", END)
case("redirect.loop", redirect("/@ID@"), "redirects", "to itself")
case("redirect.ring", redirect("/@ID@/b"), "redirects", "two that lead to each other",
     {"b": redirect("/@ID@/a"), "a": redirect("/@ID@/b")})
case("redirect.ten", redirect("/@ID@/1"), "200", "--max-redirs is ten",
     {str(n): redirect(f"/@ID@/{n + 1}") for n in range(1, 10)} | {"10": OK}, body=b"ok")
case("redirect.eleven", redirect("/@ID@/1"), "redirects", "--max-redirs is ten",
     {str(n): redirect(f"/@ID@/{n + 1}") for n in range(1, 11)} | {"11": OK})
case("redirect.dead-port", redirect("http://127.0.0.1:@DEAD@/"), "connect", "nobody listens")
case("redirect.ftp", redirect("ftp://127.0.0.1:@DEAD@/file"), "redirects", "http(s) only")
case("redirect.file", redirect("file:///etc/hostname"), "redirects", "http(s) only")
case("redirect.gopher", redirect("gopher://127.0.0.1:@PORT@/_GET%20/"), "redirects", "http(s) only")
case("redirect.javascript", redirect("javascript:alert(1)"), "redirects", "http(s) only")
case("redirect.unknown-scheme", redirect("bogus://127.0.0.1/"), "redirects", "http(s) only")
case("redirect.no-host", redirect("http:///"), "redirects bad_url", "no URL")
case("redirect.bad-port", redirect("http://127.0.0.1:99999/"), "redirects bad_url", "no URL")
case("redirect.bad-ipv6", redirect("http://[::1/"), "redirects bad_url", "no URL")
case("redirect.space", redirect("/@ID@/a b"), "200", "curl: as %20", {"a%20b": OK}, body=b"ok")
case("redirect.utf8", redirect(b"/@ID@/\xc3\xbc".decode("latin-1")), "200",
     "curl: percent-encoded", {"%c3%bc": OK, "%C3%BC": OK}, body=b"ok")
case("redirect.fragment", redirect("/@ID@/end#part"), "200", "is not sent", END, body=b"ok")
case("redirect.dots", redirect("/@ID@/x/../end"), "200", "RFC 3986 5.2.4", END, body=b"ok")
case("redirect.no-scheme", redirect("//127.0.0.1:@PORT@/@ID@/end"), "200", "RFC 3986 4.2", END,
     body=b"ok")
case("redirect.relative", redirect("@ID@/end"), "200", "RFC 3986 5.3", END, body=b"ok")
case("redirect.backslash", redirect("\\@ID@\\end"), "404 redirects bad_url 200",
     "no separator in RFC 3986")
case("redirect.credentials", redirect("@SCHEME@://user:word@127.0.0.1:@PORT@/@ID@/end"), "200",
     "asked with them", END, body=b"ok")
case("redirect.upper-case", redirect("@UPPER-SCHEME@://127.0.0.1:@PORT@/@ID@/end"), "200",
     "schemes are in either case", END, body=b"ok")
case("redirect.empty", redirect(""), "302", "leads nowhere: an answer, as for curl")
case("redirect.blank", redirect("  "), "302", "the same")
case("redirect.none", response("302 Found", body=b""), "302", "without Location an answer")
case("redirect.two", redirect("/@ID@/end", "Location: /@ID@/other"), "200",
     "two of them: curl takes the first", END, body=b"ok")
case("redirect.90k", redirect("/@ID@/" + "a" * 90_000), "404 redirects bad_url",
     "an URL of 90 KB, as curl asks for it")
case("redirect.controls", redirect("/@ID@/\x01\x1b[31m"), "404 redirects bad_url 200",
     "curl refuses control bytes in URLs, or encodes them")
case("redirect.injection", redirect("/@ID@/a\rX-Injected: yes"),
     "404 redirects bad_url bad_response", "never becomes a header field of a request")
case("redirect.cookie", redirect("/@ID@/end", "Set-Cookie: hop=1; Path=/"), "200",
     "cookies are not kept, and do no harm", END, body=b"ok")
case("redirect.garbage-wait", redirect("/@ID@/end", "Retry-After: soon"), "200",
     "does not count on a redirect", END, body=b"ok")
case("redirect.long-wait", redirect("/@ID@/end", "Retry-After: 3600"), "200",
     "does not count on a redirect that is followed", END, body=b"ok")
case("redirect.body", redirect("/@ID@/end", body=TEXT), "200", "a body nobody wants", END,
     body=b"ok")
case("redirect.body-unended",
     redirect("/@ID@/end", "Connection: close").replace(b"Content-Length: 0\r\n", b"") + b"moved",
     "200", "until close, which never comes: curl goes on at once (curl 43)", END, body=b"ok")
case("redirect.body-endless",
     [send(redirect("/@ID@/end").replace(b"Content-Length: 0\r\n", b"")), repeat(b"z" * 65_536)],
     "200", "the same with bytes that do not end", END, body=b"ok")
case("redirect.gzip-cut", redirect("/@ID@/end", "Content-Encoding: gzip", body=ZIPPED[:40]), "200",
     "a redirect's body is not looked at", END, body=b"ok")
case("redirect.closed", [send(redirect("/@ID@/end", "Connection: close")), close()], "200",
     "and a new connection", END, body=b"ok")
case("redirect.to-404", redirect("/@ID@/nowhere"), "404", "the last answer counts")
case("redirect.to-gzip", redirect("/@ID@/end"), "200", "the coding is the last response's",
     {"end": encoded("gzip", ZIPPED)}, body=TEXT)
case("redirect.to-blank-first", redirect("/@ID@/end"), "bad_response",
     "poison behind a hop", {"end": response("200 OK", " Date: yesterday")})
case("redirect.to-cut", redirect("/@ID@/end"), "reset", "a broken connection behind a hop",
     {"end": [send(OK.replace(b": 2", b": 10")), close()]})
case("redirect.to-110k-line", redirect("/@ID@/end"), "bad_response too_large",
     "poison behind a hop", {"end": response("200 OK", "X-Long: " + "a" * 110_000)})
case("redirect.ten-heads-of-90k", redirect("/@ID@/1"), "200 too_large",
     "each below the bound, together above it; whether they count together is a choice",
     {str(n): redirect(f"/@ID@/{n + 1}", *(f"X-{i}: " + "c" * 3000 for i in range(30)))
      for n in range(1, 9)} | {"9": OK})

# MARK: Connections

case("cut.nothing", [close()], "reset", "closed without a byte")
case("cut.nothing-reset", [reset()], "reset", "reset without a byte")
case("cut.status-line", [send(b"HTTP/1.1 20"), close()], "bad_response reset",
     "RFC 9112 8: no complete head, no response")
case("cut.field", [send(b"HTTP/1.1 200 OK\r\nContent-Le"), close()], "bad_response reset",
     "the same")
case("cut.before-blank-line", [send(b"HTTP/1.1 200 OK\r\nX: y\r\n"), close()],
     "bad_response reset", "the same, where each line is whole")
case("cut.before-blank-line-length", [send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"), close()],
     "bad_response reset", "the same, where no body would follow")
case("cut.in-404-head", [send(b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n"), close()],
     "bad_response reset", "no answer either: a 404 would be final")
case("cut.head-reset", [send(b"HTTP/1.1 200 OK\r\nConte"), pause(0.02), reset()],
     "reset bad_response", "the same by RST")
case("cut.body-reset", [send(OK.replace(b": 2", b": 10")), pause(0.02), reset()], "reset",
     "RFC 9112 8: incomplete")
case("cut.until-close-reset", [send(b"HTTP/1.1 200 OK\r\n\r\nok"), pause(0.02), reset()], "reset",
     "the end is no end")
case("cut.chunk-reset", [send(chunked(b"ok", end=b"")), pause(0.02), reset()], "reset",
     "the same in chunks")
case("cut.redirect-body", [send(redirect("/@ID@/end").replace(b": 0", b": 10") + b"ok"), close()],
     "200 reset", "a redirect whose body is cut: its head was whole", END)
case("kept.reset-later", [send(OK), pause(0.01), reset()], "200",
     "whole before; the next job must not suffer", body=b"ok")
case("kept.closed-unsaid", [send(OK), close()], "200", "the same by FIN", body=b"ok")
case("kept.close-unheld", response("200 OK", "Connection: close"), "200",
     "said to close, and did not: the client does", body=b"ok")
case("kept.in-single-bytes",
     [step for byte in OK for step in (send(bytes([byte])), pause(0.001))], "200",
     "as slow as it gets within the time", body=b"ok")
case("kept.slow-then-fast", [pause(0.5), send(OK)], "200", "half a second of nothing", body=b"ok")
case("slow.silence", [silence()], "timeout", "no byte ever", slow=True)
case("slow.head-drip", [send(b"HTTP/1.1 200 OK\r\n"), repeat(b"X: y\r\n", 0, 0.1)], "timeout",
     "a field each 100 ms", slow=True)
case("slow.body-drip",
     [send(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"),
      repeat(b".", 0, 0.1)], "timeout", "a byte each 100 ms", slow=True)
case("slow.chunk-drip", [send(chunked(end=b"")), repeat(b"1\r\n.\r\n", 0, 0.1)], "timeout",
     "a chunk each 100 ms", slow=True)
case("slow.redirect-then-silence", redirect("/@ID@/end"), "timeout",
     "the time limit counts hops, too", {"end": [silence()]}, slow=True)
case("large.endless", [send(b"HTTP/1.1 200 OK\r\n\r\n"), repeat(b"z" * 65_536)], "too_large",
     "ends at --max-body")
case("large.said", [send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
                    repeat(b"z" * 65_536)], "too_large", "ends at --max-body")
