"""An origin that answers each request with what it got, as JSON.

    echo_origin.py [--tls CERT KEY]

Prints the address it listens at. The answer has "method", "target", "headers" (pairs, in order,
as they came) and "body" (base64). Some paths answer otherwise:

    /redirect/STATUS/...         leads to /to
    /redirect-away/STATUS/...    leads to the same port of localhost
    /cut/...                     closes the connection once the request is read; the first request
                                 of each connection is answered, so that the next one is cut on a
                                 connection that was used before
    /quiet/...                   has an answer that tells nothing
    /_/cut                       how many requests to /cut came, by method
"""

import base64
import collections
import http.server
import json
import ssl
import sys
import threading


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cut = collections.Counter()
    lock = threading.Lock()

    def setup(self):
        super().setup()
        self.answered = 0

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = self.path.split("/")
        if parts[1] in ("redirect", "redirect-away"):
            here = "http://localhost:%d/to" % self.server.server_port
            self.reply(int(parts[2]), b"", here if parts[1].endswith("away") else "/to")
        elif parts[1] == "cut":
            with Echo.lock:
                Echo.cut[self.command] += 1
            if self.answered:
                self.close_connection = True
            else:
                self.reply(200, b"{}")
        elif parts[1] == "quiet":
            self.reply(200, b"{}")
        elif self.path == "/_/cut":
            self.reply(200, json.dumps(Echo.cut).encode())
        else:
            facts = {
                "method": self.command,
                "target": self.path,
                "headers": [[name, value] for name, value in self.headers.items()],
                "body": base64.b64encode(body).decode(),
            }
            self.reply(200, json.dumps(facts).encode())

    def reply(self, status, body, location=None):
        self.answered += 1
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
server.daemon_threads = True
if sys.argv[1:2] == ["--tls"]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[2:4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("http://127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()
