import Foundation
import Testing

@testable import Runner

/// The cases of other parsers' tests, as data. Where a result differs from theirs, the case says why,
/// and so does docs/ROBOTS.md.
@Suite struct RobotsCorpusTests {
    struct Corpus: Decodable {
        let source: String
        let cases: [Case]
    }

    struct Case: Decodable, CustomTestStringConvertible, Sendable {
        let `case`: String
        let agent: String
        let robots: [String]
        let allowed: [String]
        let disallowed: [String]
        let differs: String?

        var testDescription: String { "\(self.case), \(agent)" }
    }

    private static func corpus(_ name: String) -> Corpus {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let file = tests.appendingPathComponent("Corpus/robots/\(name).json")
        // try! holds because the file is a part of the tests.
        return try! JSONDecoder().decode(Corpus.self, from: Data(contentsOf: file))
    }

    private static let google = corpus("google")
    private static let protego = corpus("protego")

    /// - Parameter end: The end of each line.
    private func check(_ sample: Case, lineEnd end: String) {
        let text = Array(sample.robots.map { $0 + end }.joined().utf8)
        let file = RobotsFile(text, for: sample.agent)
        for path in sample.allowed {
            #expect(file.rules.allows(path.utf8), "\(path) is allowed")
        }
        for path in sample.disallowed {
            #expect(!file.rules.allows(path.utf8), "\(path) is disallowed")
        }
        // As the queue keeps them, for names that crawlers have.
        guard !sample.agent.isEmpty, RobotsOptions.token(of: sample.agent) == sample.agent else {
            return
        }
        let kept = RobotsFile.text(of: file.rules, for: sample.agent)
        #expect(RobotsFile(kept, for: sample.agent).rules == file.rules)
    }

    @Test(arguments: google.cases) func casesOfGoogle_endAlike(sample: Case) {
        for end in ["\n", "\r\n", "\r"] { check(sample, lineEnd: end) }
    }

    @Test(arguments: protego.cases) func casesOfProtego_endAlike(sample: Case) {
        for end in ["\n", "\r\n", "\r"] { check(sample, lineEnd: end) }
    }

    @Test func theCorpus_isWhole() {
        #expect(Self.google.cases.count == 60 && Self.protego.cases.count == 100)
        #expect(Self.google.cases.count { $0.differs != nil } == 3)
        #expect(Self.protego.cases.count { $0.differs != nil } == 10)
    }
}
