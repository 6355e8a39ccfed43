import Foundation
import TestSupport
import Testing

extension Program {
    /// nginx with a certificate that only its own CA file vouches for.
    ///
    /// - Parameters:
    ///   - headKB: Of fields that each response has beside the usual.
    ///   - http2: Whether it offers HTTP/2.
    ///   - requests: After so many it closes a connection.
    func startNginx(
        headKB: Int = 0, http2: Bool = true, requests: Int = 100_000
    ) async throws -> (process: Program.Running, port: Int) {
        let port = freePort()
        try await makeCertificate()
        let configuration = """
            daemon off; worker_processes 1; pid nginx.pid; error_log stderr;
            events { worker_connections 1000; }
            http {
                log_format protocol '$server_protocol $connection $uri $ssl_session_reused.';
                keepalive_requests \(requests);
                ssl_session_cache shared:s:1m;
                access_log access.log protocol;
                client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
                server {
                    listen 127.0.0.1:\(port) ssl\(http2 ? " http2" : "");
                    ssl_certificate cert.pem; ssl_certificate_key key.pem;
                    location / {
                        \((0..<headKB).map { "add_header X-\($0) \(String(repeating: "v", count: 1000));" }.joined(separator: " "))
                        return 200 "ok";
                    }
                }
            }
            """
        write(Array(configuration.utf8), to: folder.file("nginx.conf"))
        let nginx = try start(
            "/usr/sbin/nginx", ["-p", folder.path + "/", "-c", "nginx.conf"])
        try await nginx.wait { httpGet(port: port, "/") != nil }
        return (nginx, port)
    }

    /// Makes `cert.pem` for localhost, which vouches for itself, and `key.pem`.
    func makeCertificate() async throws {
        try await run(
            "/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-keyout", "key.pem",
            "-out", "cert.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    }

    private func run(_ command: String...) async throws {
        let result = try await start(command[0], Array(command.dropFirst())).wait()
        #expect(result.status == 0, "\(result.err)")
    }
}
