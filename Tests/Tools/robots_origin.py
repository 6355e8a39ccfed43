"""Many hosts at one port: an HTTP proxy that answers itself, or an origin for names that lead here.

    robots_origin.py

Prints the address it listens at. A job's path is answered with 200. /robots.txt is answered as the
first label of the host's name says, words joined by -:

    rules          disallows /private, with a sitemap
    delay          the same, with Crawl-delay: 0.2
    own            disallows all, but for runner, whom it disallows /runner
    slow           as delay, after 300 ms
    none           404
    auth           401
    away-COUNT     503 for the first COUNT requests, then as rules
    busy-COUNT     429 with Retry-After: 1 for the first COUNT requests, then as rules
    cut-COUNT      closes the connection for the first COUNT requests, then as rules
    hops-COUNT     so many redirects, the last to elsewhere.test, which has the rules
    packed         as rules, by gzip
    huge           600 KB, with rules before and behind 500 KB
    late           as rules, after 300 ms
    short          as rules, to be kept for no time at all

    /_/log         [[host, path, User-Agent, seconds], ...] of all other requests, in order
"""

import collections
import gzip
import http.server
import json
import threading
import time
import urllib.parse

RULES = b"User-agent: *\nDisallow: /private\nSitemap: http://sitemaps.test/1.xml\n"
OWN = b"User-agent: *\nDisallow: /\nUser-agent: Runner\nDisallow: /runner\n"


class Hosts(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log = []
    hits = collections.Counter()
    lock = threading.Lock()

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        host = (url.netloc or self.headers.get("Host", "")).split(":")[0]
        path = url.path + ("?" + url.query if url.query else "")
        if path == "/_/log":
            self.close_connection = True
            with Hosts.lock:
                return self.reply(200, json.dumps(Hosts.log).encode(), ("Connection", "close"))
        with Hosts.lock:
            Hosts.log.append([host, path, self.headers.get("User-Agent", ""), str(time.monotonic())])
            Hosts.hits[host, path] += 1
            hit = Hosts.hits[host, path]
        if path == "/elsewhere/robots.txt" and host == "elsewhere.test":
            return self.reply(200, RULES)
        words = host.split(".")[0].split("-")
        if path.startswith("/hop/"):
            return self.hop(int(path.split("/")[2]))
        if path != "/robots.txt":
            return self.reply(200, b"OK\n")
        self.robots(words[0], int(words[1]) if len(words) > 1 else 0, hit)

    def robots(self, word, count, hit):
        if word in ("away", "busy", "cut") and hit <= count:
            if word == "cut":
                self.close_connection = True
            elif word == "away":
                self.reply(503, b"away")
            else:
                self.reply(429, b"busy", ("Retry-After", "1"))
        elif word == "none":
            self.reply(404, RULES)
        elif word == "auth":
            self.reply(401, RULES)
        elif word == "own":
            self.reply(200, OWN)
        elif word == "hops":
            self.hop(count)
        elif word == "packed":
            self.reply(200, gzip.compress(RULES), ("Content-Encoding", "gzip"))
        elif word == "huge":
            self.reply(200, RULES + b"#" * 512000 + b"\nDisallow: /behind\n" + b"#" * 90000)
        elif word in ("delay", "slow"):
            if word == "slow":
                time.sleep(0.3)
            self.reply(200, RULES + b"Crawl-delay: 0.2\n")
        elif word == "short":
            self.reply(200, RULES, ("Cache-Control", "max-age=0"))
        else:
            if word == "late":
                time.sleep(0.3)
            self.reply(200, RULES)

    def hop(self, left):
        where = "/hop/%d" % (left - 1)
        if left <= 1:
            port = self.server.server_port
            where = "http://elsewhere.test:%d/elsewhere/robots.txt" % port
        self.reply(302, b"moved", ("Location", where))

    def reply(self, status, body, *fields):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, request, address):
        pass


def main():
    server = Server(("127.0.0.1", 0), Hosts)
    print("listening on http://127.0.0.1:%d" % server.server_port, flush=True)
    server.serve_forever()


main()
