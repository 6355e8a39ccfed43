import Glibc
import TestSupport
import Testing

@testable import Runner

@Suite struct SocketTableTests {
    private func idle(_ table: inout SocketTable, at port: Int) -> Set<Int32> {
        var found: Set<Int32> = []
        table.forEachIdleConnection(fromPort: UInt16(port)) { found.insert($0) }
        return found
    }

    @Test func connectionsAreFoundByTheirPort_untilTheyAreClosed() {
        let first = BoundSocket(isShared: true)
        let others = (0..<2).map { _ in BoundSocket(port: first.port, isShared: true) }
        let elsewhere = BoundSocket()
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

    /// libcurl 7.88 closes a socket that never connected without a word, and the kernel gives its
    /// number out again.
    @Test func whatIsOpenedAnew_leavesItsOldPort() {
        let first = BoundSocket(isShared: true)
        let others = (0..<2).map { _ in BoundSocket(port: first.port, isShared: true) }
        let all = [first.descriptor] + others.map(\.descriptor)
        defer { for descriptor in all { close(descriptor) } }
        for again in all {
            var table = SocketTable()
            for descriptor in all { table.open(descriptor) }
            #expect(idle(&table, at: first.port) == Set(all))
            table.open(again)
            #expect(idle(&table, at: first.port) == Set(all))
            for descriptor in all { table.close(descriptor) }
            #expect(idle(&table, at: first.port).isEmpty)
        }
    }

    @Test func whatClosedBeforeItHadAPort_isNotFound() {
        let bound = BoundSocket()
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
