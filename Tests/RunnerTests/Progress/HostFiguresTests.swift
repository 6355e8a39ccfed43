import JobStore
import Testing

@testable import Runner

@Suite struct HostFiguresTests {
    private let table = HostTable()

    private func lanes(_ count: Int, inFlight: (Int) -> Int) -> Lanes {
        var lanes = Lanes(probes: 4, workers: 100_000)
        var spans = SpanQueue()
        var waiting: [JobSpan] = []
        for number in 0..<count {
            let chunk = RequestChunk(.sample(id: number, url: "http://h\(number)/{id}"), table)
            let wanted = inFlight(number)
            lanes.add(
                fresh: JobSpan(chunk: chunk, first: 0, count: wanted, attempt: 1), at: .at(ms: 0))
            _ = lanes.take(wanted, into: &spans, at: .at(ms: 0), mayComeMore: false)
            waiting.append(JobSpan(chunk: chunk, first: wanted, count: 1, attempt: 1))
        }
        for span in waiting { lanes.add(fresh: span, at: .at(ms: 0)) }
        return lanes
    }

    @Test func theBusiestHosts_areShown_theBusiestFirst() {
        let lanes = lanes(300) { ($0 * 37) % 300 + 1 }
        let shown = lanes.figures(limit: 25, at: .at(ms: 0)).map(\.host)
        #expect(shown.map(\.inFlight) == (276...300).reversed())
        #expect(shown.allSatisfy { $0.waiting == 1 && $0.state == .ok && $0.untilMicros == nil })
    }

    @Test func aHostOutOfReach_isShown_howeverQuietItIs() throws {
        var lanes = lanes(60) { $0 == 7 ? 1 : 2 }
        let quiet = try #require(lanes.lanes.values.first { $0.inFlight == 1 }).host
        let chunk = RequestChunk(.sample(id: 7, url: "http://h7/{id}"), table)
        #expect(chunk.hostID == quiet.id)
        var turn = TurnReport()
        var response = Response()
        (response.failure, response.message) = (.reason(.connect), "refused")
        var spans = SpanQueue()
        for position in 0..<Breaker.threshold {
            lanes.add(
                fresh: JobSpan(chunk: chunk, first: position, count: 1, attempt: 1), at: .at(ms: 1))
            _ = lanes.take(1, into: &spans, at: .at(ms: 1), mayComeMore: false)
            turn.add(response, of: Job(chunk: chunk, position: position, attempt: 1))
        }
        for report in turn.hosts { lanes.ended(report, at: .at(ms: 2)) }
        let shown = lanes.figures(limit: 25, at: .at(ms: 2)).map(\.host)
        let host = try #require(shown.first { $0.name == "http://h7" })
        #expect(host.state == .unreachable && host.message == "refused")
        #expect(host.attempts == 20 && host.failures == 20)
        #expect(host.untilMicros ?? 0 > Now.at(ms: 2).wallMicros)
    }

    @Test func rates_followTheAttempts_andForgetHostsThatAreGone() throws {
        var rates = HostRates()
        func host(_ attempts: Int) -> HostFigures {
            HostFigures(
                name: "h", state: .ok, message: "", untilMicros: nil, perSecondMax: nil,
                inFlight: 1, waiting: 0, attempts: attempts, failures: 0, rate: 0, whole: nil)
        }
        var times = Histogram(.coarse)
        times.add(5000)
        #expect(rates.add([(1, host(50))], [:], at: .at(ms: 1000))[0].rate == 0)
        for second in 2...20 {
            let shown = rates.add([(1, host(50 * second))], [1: times], at: .at(ms: second * 1000))
            #expect(shown[0].whole?.count == 1)
            if second == 20 { #expect(abs(shown[0].rate - 50) < 1) }
        }
        #expect(rates.add([], [:], at: .at(ms: 21_000)).isEmpty)
        // Known anew: its count says nothing of a rate.
        #expect(rates.add([(1, host(9000))], [:], at: .at(ms: 22_000))[0].rate == 0)
    }
}
