import Foundation
import TestSupport
import Testing

/// A network of a test's own, which nobody else sees, with addresses that look public.
enum PublicNetwork {
    /// The addresses of its one machine, beside loopback: two that look public, one of a private
    /// network, and one at which clouds keep metadata.
    static let addresses = [
        "198.51.100.7/32", "2001:db8::7/128", "10.1.2.3/32", "169.254.169.254/32",
    ]
    static let host = "198.51.100.7"

    /// For `unshare`: as root, or where the kernel lets anyone be root in a namespace of users.
    private static let arguments = geteuid() == 0 ? ["-n"] : ["-r", "-n"]

    private static let setUp =
        "ip link set lo up; "
        + addresses.map { "ip address add \($0) dev lo nodad" }.joined(separator: "; ")

    static let isAllowed: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        process.arguments = arguments + ["sh", "-ec", setUp]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    /// Said of tests that are left out.
    static let need: Comment =
        "not tested: a network of one's own takes iproute2, and root or namespaces of users"

    /// Runs a script in such a network, with nginx at all addresses: ports 80, and 443 by HTTP/2.
    ///
    /// nginx answers `/go?to=URL` by a redirect to the URL, `/page` and what is below it with "ok",
    /// its `/robots.txt` as a host below `inward.test` by a redirect inward, and `/slow` in some two seconds, after which it closes the connection. Its `access.log` has a
    /// line a request: address, connection, path, and the fields Authorization and Cookie. A name
    /// server is at 127.0.0.1:5300.
    static func run(_ script: String, in program: Program) async throws -> Program.Result {
        try await program.makeCertificate()
        write(Array(configuration.utf8), to: program.folder.file("nginx.conf"))
        write(Array(String(repeating: "x", count: 2500).utf8), to: program.folder.file("slow"))
        let names = try Tools.script("name_server.py")
        let prelude = """
            set -eu; \(setUp)
            PATH=\(Program.products):$PATH
            /usr/sbin/nginx -p . -c nginx.conf & nginx=$!
            /usr/bin/python3 -B \(names) --port 5300 >names.txt & names=$!
            trap 'kill $nginx $names' EXIT
            until [ -s names.txt ] && [ -s nginx.pid ]; do sleep 0.05; done

            """
        write(Array((prelude + script).utf8), to: program.folder.file("script"))
        return try await program.start("/usr/bin/unshare", arguments + ["sh", "script"])
            .wait(seconds: 120)
    }

    private static let configuration = """
        daemon off; master_process off; pid nginx.pid; error_log error.log;
        events { worker_connections 1000; }
        http {
            log_format line '$server_addr $connection $uri "$http_authorization" "$http_cookie"';
            access_log access.log line;
            client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
            server {
                listen 80; listen [::]:80; listen 443 ssl http2; listen [::]:443 ssl http2;
                ssl_certificate cert.pem; ssl_certificate_key key.pem;
                root .;
                location /go { return 302 $arg_to; }
                location /page { return 200 "ok"; }
                location = /robots.txt { if ($host ~ inward) { return 302 http://10.1.2.3/page/secret; } }
                location /list { return 200 "http://h.test/1\\n"; }
                location /index { return 200 "<sitemapindex><sitemap><loc>$arg_to</loc></sitemap></sitemapindex>"; }
                location /map { return 200 "<urlset><url><loc>http://h.test/1</loc></url></urlset>"; }
                location /slow { limit_rate 1000; keepalive_timeout 0; }
            }
        }
        """

    /// A request as nginx logged it.
    struct Hit {
        let address: String
        let connection: String
        let path: String
        let authorization: String
        let cookie: String
    }

    static func hits(in program: Program) -> [Hit] {
        let log = String(decoding: contents(of: program.folder.file("access.log")), as: UTF8.self)
        return log.split(separator: "\n").map { line in
            let words = line.split(separator: " ").map { String($0) }
            return Hit(
                address: words[0], connection: words[1], path: words[2], authorization: words[3],
                cookie: words[4])
        }
    }
}
