import Testing

@testable import Runner

@Suite struct TLSSessionsTests {
    /// A worker that wants to connect.
    private final class Worker: TLSSessions.Client {
        var handshake: Int?
        var wants = true

        func mayConnect(_ handshake: Int, with key: Int) -> Bool {
            if wants { self.handshake = handshake }
            return wants
        }
    }

    private let sessions = TLSSessions()
    private let host = 7

    private func begin(_ count: Int, atMillis millis: Int) -> [Worker] {
        (0..<count).map { _ in
            let worker = Worker()
            worker.handshake = sessions.beginHandshake(with: host, for: worker, at: .at(ms: millis))
            return worker
        }
    }

    private func connecting(_ workers: [Worker]) -> Int { workers.count { $0.handshake != nil } }

    @Test func firstGoesAlone() {
        let workers = begin(100, atMillis: 0)
        #expect(connecting(workers) == 1 && workers[0].handshake != nil)
        #expect(sessions.deadlineMicros == 300_000)
        sessions.handOn(at: .at(ms: 299))
        #expect(connecting(workers) == 1)
        sessions.handshakeEnded(workers[0].handshake!, with: host)
        sessions.handOn(at: .at(ms: 299))
        #expect(connecting(workers) == 33)
    }

    @Test func oneBeginsAsOneEnds() {
        let workers = begin(100, atMillis: 0)
        for ended in 0..<68 {
            sessions.handshakeEnded(workers[ended].handshake!, with: host)
            // Told again, it counts once.
            sessions.handshakeEnded(workers[ended].handshake!, with: host)
            sessions.handOn(at: .at(ms: ended))
            #expect(connecting(workers) == 33 + ended)
        }
        #expect(sessions.deadlineMicros == .max)
    }

    /// With a host that is far away all are made soon, whether any has ended or not.
    @Test func aHostThatTakesItsTimeGetsMoreAtOnce() {
        let workers = begin(1000, atMillis: 0)
        var counts: [Int] = []
        while sessions.deadlineMicros < .max {
            let millis = sessions.deadlineMicros / 1000
            sessions.handOn(at: .at(ms: millis))
            counts.append(connecting(workers))
            if millis > 10_000 { break }
        }
        #expect(counts == [32, 64, 128, 256, 512, 1000])
    }

    @Test func whoWantsNoMoreIsPassedOver() {
        let workers = begin(40, atMillis: 0)
        for worker in workers[1..<30] { worker.wants = false }
        sessions.handshakeEnded(workers[0].handshake!, with: host)
        sessions.handOn(at: .at(ms: 1))
        #expect(connecting(workers) == 11 && sessions.deadlineMicros == .max)
    }

    @Test func hostsDoNotWaitForEachOther() {
        _ = begin(100, atMillis: 0)
        let other = Worker()
        #expect(sessions.beginHandshake(with: 8, for: other, at: .at(ms: 0)) != nil)
    }
}
