import JobStore
import Testing

@testable import Runner

@Suite struct RunCourseTests {
    /// A part of a second that ends at a time.
    private func part(_ at: Int, completed: Int = 3, p50Micros: Int = 1000) -> RunHistory.Point {
        var point = RunHistory.Point()
        (point.at, point.seconds, point.completed) = (at, 1, completed)
        (point.retried, point.failed, point.bytes, point.inFlight) = (2, 1, 4096, 7)
        (point.p50Micros, point.p99Micros) = (p50Micros, 2 * p50Micros)
        point.durations[4] = completed + 3
        return point
    }

    private func course(_ seconds: Int, from begin: Int = 1_795_000_001) -> RunCourse {
        var course = RunCourse()
        for second in 0..<seconds { course.add(part(begin + second)) }
        return course
    }

    @Test(arguments: [(1, 1), (240, 1), (241, 2), (3600, 16), (86_400, 512)])
    func aCourse_isWhole_howeverLong(_ seconds: Int, _ stretch: Int) {
        let course = course(seconds)
        #expect(course.stretchSeconds == stretch)
        #expect(course.points.count <= RunCourse.pointsMax)
        #expect(course.points.count >= min(seconds, RunCourse.pointsMax / 2))
        #expect(course.points.reduce(0) { $0 + $1.completed } == 3 * seconds)
        #expect(course.points.reduce(0) { $0 + $1.durations[4] } == 6 * seconds)
        #expect(course.points.reduce(0) { $0 + $1.seconds } == Double(seconds))
        #expect(course.points.last?.at == 1_795_000_000 + seconds)
    }

    @Test func stretchesBeginAtMultiplesOfTheirLength() {
        let course = course(1000)
        let stretches = course.points.map { $0.at / course.stretchSeconds }
        #expect(Set(stretches).count == stretches.count)
        #expect(stretches == stretches.sorted())
    }

    /// Parts that lie far apart are joined, too, or there would be no bound.
    @Test func partsADayApart_areBounded() {
        var course = RunCourse()
        for day in 0..<1000 { course.add(part(day * 86_400)) }
        #expect(course.points.count <= RunCourse.pointsMax)
        #expect(course.points.reduce(0) { $0 + $1.completed } == 3000)
    }

    @Test func theMedianOfJoinedParts_isTheMeanByAttempts() {
        var course = RunCourse()
        course.add(part(10, completed: 97, p50Micros: 1000))
        course.add(part(10, completed: 297, p50Micros: 5000))
        course.add(part(10, completed: 100, p50Micros: 0))
        #expect(course.points.map(\.p50Micros) == [4000])
        #expect(course.points.map(\.p99Micros) == [10_000])
    }

    @Test(arguments: [0, 1, 100, 5000])
    func aCourse_isReadAsItWas(_ seconds: Int) throws {
        let course = course(seconds)
        let read = try #require(RunCourse(text: course.text))
        #expect(read == course && read.text == course.text)
        #expect(course.text.utf8.count < 100 * max(1, course.points.count))
    }

    @Test(arguments: [
        "", "x", "0", "-1", "1;", "1;5", "1;5 1000 1 1 1 1 1 1", "1;5 1000 1 1 1 1 1 1 -1",
        "1;5 1000 1 1 1 1 1 1 1 x", "1;9223372036854775807 1000 1 1 1 1 1 1 1",
        "1;5 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "1;70368744177664 1 1 1 1 1 1 1 1;1 1 1 1 1 1 1 1 1",
        "1" + String(repeating: ";1 1 1 1 1 1 1 1 1", count: 241),
    ])
    func otherText_isNoCourse(_ text: String) { #expect(RunCourse(text: text) == nil) }

    @Test func whatARunDid_isTakenFromItsSamples() {
        let counts = QueueCounts(
            total: 0, running: 0, retriesRunning: 0, outcomes: [], runs: [])
        var figures = RunFigures()
        figures.attempts = [RunFigures.Attempts(Outcome(.completed, status: 200), 40)]
        let (begin, end) = (
            RunSample(takenAtMicros: 5_000_000, counts: counts),
            RunSample(takenAtMicros: 5_400_000, counts: counts, figures: figures)
        )
        var course = RunCourse()
        course.add(from: begin, to: end)
        #expect(course.points.map(\.completed) == [40] && course.points[0].seconds == 0.4)
        // A clock that was set back adds nothing.
        course.add(from: end, to: begin)
        #expect(course.points.count == 1)
    }
}
