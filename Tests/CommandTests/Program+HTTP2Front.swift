import Foundation
import TestSupport
import Testing

extension Program {
    /// nginx that speaks HTTP/2 by TLS, before an origin that speaks HTTP/1.1.
    struct HTTP2Front {
        let process: Running
        let port: Int
        fileprivate let folder: Folder

        var url: String { "https://localhost:\(port)" }

        /// The connections of the requests so far, all of which must have come by HTTP/2.
        func connections() -> Set<Substring> {
            let log = String(decoding: contents(of: folder.file("front.log")), as: UTF8.self)
            // Without TLS, nginx is asked whether it is there.
            let lines = log.split(separator: "\n").map { $0.split(separator: " ") }.filter {
                $0[3] != "400"
            }
            #expect(!lines.isEmpty && lines.allSatisfy { $0[0] == "HTTP/2.0" })
            return Set(lines.map { $0[1] })
        }
    }

    /// Starts nginx before an origin at a port of this machine. `cert.pem` vouches for it;
    /// `/robots.txt` disallows what is below `/no`.
    ///
    /// - Parameter requests: After so many it sends GOAWAY.
    func startHTTP2Front(of origin: Int, requests: Int = 1000) async throws -> HTTP2Front {
        let port = freePort()
        try await makeCertificate()
        let configuration = """
            daemon off; worker_processes 1; pid nginx.pid; error_log stderr;
            events { worker_connections 4000; }
            http {
                log_format line '$server_protocol $connection $uri $status';
                access_log front.log line;
                client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
                upstream origin { server 127.0.0.1:\(origin) max_fails=0; keepalive 1000; }
                server {
                    listen 127.0.0.1:\(port) ssl http2;
                    keepalive_requests \(requests);
                    ssl_certificate cert.pem; ssl_certificate_key key.pem;
                    location = /robots.txt { return 200 "User-agent: *\\nDisallow: /no"; }
                    location / {
                        proxy_pass http://origin;
                        proxy_http_version 1.1; proxy_set_header Connection "";
                    }
                }
            }
            """
        write(Array(configuration.utf8), to: folder.file("front.conf"))
        let nginx = try start("/usr/sbin/nginx", ["-p", folder.path + "/", "-c", "front.conf"])
        try await nginx.wait { httpGet(port: port, "/") != nil }
        return HTTP2Front(process: nginx, port: port, folder: folder)
    }
}
