internal import Foundation
internal import Glibc

/// One GET to a loopback port, for asking the test origin; no client of the project is involved.
///
/// - Returns: The response's body; `nil` when there was none.
public func httpGet(port: Int, _ path: String) -> String? {
    let text = httpAsk(
        port: port, "GET \(path) HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
    return text.flatMap { text in
        text.firstRange(of: "\r\n\r\n").map { String(text[$0.upperBound...]) }
    }
}

/// Sends a request over a connection of its own, and returns all that comes until the connection
/// ends; `nil` when there is none.
public func httpAsk(port: Int, _ request: String) -> String? {
    guard let descriptor = connectedSocket(port: port) else { return nil }
    defer { close(descriptor) }
    let request = Array(request.utf8)
    guard write(descriptor, request, request.count) == request.count else { return nil }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = read(descriptor, &buffer, buffer.count)
        if count <= 0 { break }
        answer += buffer[..<count]
    }
    return String(decoding: answer, as: UTF8.self)
}

/// A connection to a port of loopback, which the caller closes; `nil` when there is none.
public func connectedSocket(port: Int) -> Int32? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let isConnected = withUnsafePointer(to: address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard isConnected == 0 else {
        close(descriptor)
        return nil
    }
    return descriptor
}

/// A loopback port nobody listens on at present, for programs that must be told theirs.
public func freePort() -> Int {
    let bound = BoundSocket()
    close(bound.descriptor)
    return bound.port
}
