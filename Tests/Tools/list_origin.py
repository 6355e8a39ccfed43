"""An origin of lists: it serves the files of the folder it is started in, and sitemaps without end.

    list_origin.py [--tls CERT KEY]

Prints the address it listens at. A file has its size, an ETag, Last-Modified, and a type by its
name. Before the file's name may stand one of these:

    /chunked/...               without size and version
    /type/TOP/SUB/...          with the type TOP/SUB
    /cut/COUNT/BYTES/...       the first COUNT requests end behind BYTES bytes
    /changed/BYTES/...         the same for the first request; then the first byte is another
    /status/COUNT/STATUS/...   the first COUNT requests are answered with STATUS
    /redirect/COUNT/...        after so many redirects, the last from localhost to 127.0.0.1
    /basic/...                 with the credentials user:word alone

And in a file's place:

    /sitemap/NUMBER/ENTRIES    a sitemap, whose URLs are http://h/NUMBER/0 and so on
    /index/COUNT/ENTRIES       an index of so many of these
    /_/log                     the paths that were asked for, in order
"""

import base64
import collections
import email.utils
import http.server
import json
import mimetypes
import os
import ssl
import sys
import threading


class Lists(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log = []
    hits = collections.Counter()
    lock = threading.Lock()

    def do_GET(self):
        with Lists.lock:
            if not self.path.startswith("/_/"):
                Lists.log.append(self.path)
            Lists.hits[self.path] += 1
            self.hit = Lists.hits[self.path]
        self.cut_at = None
        self.first_byte = None
        self.kind = None
        self.is_chunked = False
        self.serve(self.path.split("?")[0].split("/")[1:])

    def serve(self, parts):
        word = parts[0]
        if word == "_":
            self.close_connection = True
            self.reply(200, json.dumps(Lists.log).encode(), [("Connection", "close")])
        elif word == "chunked":
            self.is_chunked = True
            self.serve(parts[1:])
        elif word == "type":
            self.kind = "/".join(parts[1:3])
            self.serve(parts[3:])
        elif word == "cut":
            if self.hit <= int(parts[1]):
                self.cut_at = int(parts[2])
            self.serve(parts[3:])
        elif word == "changed":
            if self.hit == 1:
                self.cut_at = int(parts[1])
            else:
                self.first_byte = b"#"
            self.serve(parts[2:])
        elif word == "status" and self.hit <= int(parts[1]):
            self.reply(int(parts[2]), b"<html>no</html>")
        elif word == "status":
            self.serve(parts[3:])
        elif word == "redirect":
            left, rest = int(parts[1]), "/".join(parts[2:])
            away = "http://127.0.0.1:%d/%s" % (self.server.server_port, rest)
            self.reply(302, b"moved", [
                ("Location", away if left == 1 else "/redirect/%d/%s" % (left - 1, rest)),
                ("Set-Cookie", "hop=%d; path=/" % left)])
        elif word == "basic":
            wanted = "Basic " + base64.b64encode(b"user:word").decode()
            if self.headers.get("Authorization") == wanted:
                self.serve(parts[1:])
            else:
                self.reply(401, b"")
        elif word == "sitemap":
            self.stream(self.sitemap(*map(int, parts[1:3])))
        elif word == "index":
            self.stream(self.index(*map(int, parts[1:3])))
        else:
            self.file("/".join(parts))

    def file(self, name):
        try:
            facts = os.stat(name)
            with open(name, "rb") as file:
                body = file.read()
        except OSError:
            return self.reply(404, b"there is no such file")
        if self.first_byte:
            body = self.first_byte + body[1:]
        if self.is_chunked:
            return self.stream([body])
        kind = self.kind or mimetypes.guess_type(name)[0] or "application/octet-stream"
        self.reply(200, body, [
            ("Content-Type", kind), ("ETag", '"%x-%x"' % (facts.st_mtime_ns, facts.st_size)),
            ("Last-Modified", email.utils.formatdate(facts.st_mtime, usegmt=True))])

    @staticmethod
    def sitemap(number, entries):
        yield b'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        for first in range(0, entries, 1000):
            ids = range(first, min(first + 1000, entries))
            yield "".join(
                "<url><loc>http://h/%d/%d</loc><lastmod>2026-01-01</lastmod></url>\n"
                % (number, i) for i in ids).encode()
        yield b"</urlset>\n"

    def index(self, count, entries):
        yield b'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        for number in range(count):
            yield b"<sitemap><loc>http://127.0.0.1:%d/sitemap/%d/%d</loc></sitemap>\n" % (
                self.server.server_port, number, entries)
        yield b"</sitemapindex>\n"

    def stream(self, pieces):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def reply(self, status, body, fields=()):
        self.send_response(status)
        for field in fields:
            self.send_header(*field)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:self.cut_at])
        if self.cut_at is not None:
            self.close_connection = True

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Lists)
server.daemon_threads = True
if sys.argv[1:2] == ["--tls"]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[2:4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("http://127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()
