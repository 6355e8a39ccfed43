import Foundation
import TestSupport
import Testing

/// https against nginx, which negotiates HTTP/2.
@Suite(.serialized) struct HTTPSTests {
    private let program = Program()

    /// nginx with a certificate that only its own CA file vouches for.
    private func startNginx() async throws -> (process: Program.Running, port: Int) {
        let port = freePort()
        try await run(
            "/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-keyout", "key.pem",
            "-out", "cert.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
        let configuration = """
            daemon off; worker_processes 1; pid nginx.pid; error_log stderr;
            events { worker_connections 1000; }
            http {
                log_format protocol '$server_protocol $connection $uri';
                access_log access.log protocol;
                client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
                server {
                    listen 127.0.0.1:\(port) ssl http2;
                    ssl_certificate cert.pem; ssl_certificate_key key.pem;
                    location / { return 200 "ok"; }
                }
            }
            """
        write(Array(configuration.utf8), to: program.folder.file("nginx.conf"))
        let nginx = try program.start(
            "/usr/sbin/nginx", ["-p", program.folder.path + "/", "-c", "nginx.conf"])
        try await nginx.wait { httpGet(port: port, "/") != nil }
        return (nginx, port)
    }

    private func run(_ command: String...) async throws {
        let result = try await program.start(command[0], Array(command.dropFirst())).wait()
        #expect(result.status == 0, "\(result.err)")
    }

    @Test func httpsIsFetched_overHTTP2_onFewConnections() async throws {
        let nginx = try await startNginx()
        defer { nginx.process.kill(SIGKILL) }
        try await program.runner(
            "enqueue", "--range", "0..500", "--url", "https://localhost:\(nginx.port)/{id}")
        let result = try await program.runner("run", "--workers", "64", "--cacert", "cert.pem")
        #expect(result.status == 0, "\(result.err) \(result.out)")
        let log = String(decoding: contents(of: program.folder.file("access.log")), as: UTF8.self)
        let lines = log.split(separator: "\n").map { $0.split(separator: " ") }.filter {
            $0[0] == "HTTP/2.0"
        }
        #expect(Set(lines.map { $0[2] }).count == 500)
        // A connection a shard, not one a worker.
        #expect(Set(lines.map { $0[1] }).count <= 8)
    }

    @Test func anUntrustedCertificate_failsAtOnce_unlessInsecure() async throws {
        let nginx = try await startNginx()
        defer { nginx.process.kill(SIGKILL) }
        try await program.runner(
            "enqueue", "--range", "0..5", "--url", "https://localhost:\(nginx.port)/{id}")
        #expect(try await program.runner("run").status == 1)
        #expect(
            try await program.status().outcomes == [
                .init(outcome: "tls", state: "failed", count: 5)
            ])
        try await program.runner(
            "enqueue", "--range", "5..10", "--url", "https://localhost:\(nginx.port)/{id}")
        #expect(try await program.runner("run", "--insecure").status == 1)
        #expect(try await program.status().jobs.completed == 5)
    }
}
