import Glibc
import Testing

@testable import Runner

@Suite struct SocketTableTests {
    /// A socket at a port of loopback; 0: any. Several may be at one port.
    private func boundSocket(to port: UInt16 = 0) throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var isOn: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        try #require(setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &isOn, size) == 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutablePointer(to: &address) {
            try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try #require(bind(descriptor, $0, length) == 0)
                try #require(getsockname(descriptor, $0, &length) == 0)
            }
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private func idle(_ table: inout SocketTable, at port: UInt16) -> Set<Int32> {
        var found: Set<Int32> = []
        table.forEachIdleConnection(fromPort: port) { found.insert($0) }
        return found
    }

    @Test func connectionsAreFoundByTheirPort_untilTheyAreClosed() throws {
        let first = try boundSocket()
        let others = try (0..<2).map { _ in try boundSocket(to: first.port) }
        let elsewhere = try boundSocket()
        let all = [first.descriptor] + others.map(\.descriptor)
        defer { for descriptor in all + [elsewhere.descriptor] { close(descriptor) } }
        // Whichever of the three goes first, the others stay.
        for gone in all {
            var table = SocketTable()
            for descriptor in all + [elsewhere.descriptor] { table.open(descriptor) }
            #expect(idle(&table, at: first.port) == Set(all))
            table.close(gone)
            #expect(idle(&table, at: first.port) == Set(all).subtracting([gone]))
            #expect(idle(&table, at: elsewhere.port) == [elsewhere.descriptor])
            for descriptor in all { table.close(descriptor) }
            #expect(idle(&table, at: first.port).isEmpty)
        }
    }

    @Test func whatClosedBeforeItHadAPort_isNotFound() throws {
        let bound = try boundSocket()
        defer { close(bound.descriptor) }
        var table = SocketTable()
        table.open(bound.descriptor)
        table.close(bound.descriptor)
        #expect(idle(&table, at: bound.port).isEmpty)
        table.open(bound.descriptor)
        table.open(bound.descriptor)
        #expect(idle(&table, at: bound.port) == [bound.descriptor])
    }
}
