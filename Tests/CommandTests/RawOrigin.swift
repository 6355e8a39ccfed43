import Foundation
import TestSupport
import Testing

/// `Tests/Tools/raw_origin.py` as a process: it answers some IDs with cases of `Tests/Corpus/own.py`
/// and the others well.
final class RawOrigin: OriginProcess {
    /// IDs begin here, as in `corpus.py`.
    static let firstID = 1_000_000_000

    /// How many IDs there are.
    let count: Int
    /// The IDs whose answers are cases, and which.
    let cases: [Int: String]

    /// - Parameter cases: How many IDs get each case; they are spread evenly between the healthy.
    init(healthy: Int, _ cases: [String: Int]) async throws {
        let names = cases.flatMap { Array(repeating: $0.key, count: $0.value) }
        count = healthy + names.count
        let step = count / max(1, names.count)
        self.cases = Dictionary(
            uniqueKeysWithValues: names.enumerated().map { (Self.firstID + $0 * step, $1) })
        let program = Program()
        let tool = try Tools.script("raw_origin.py")
        let makePlan = """
            import json, os, sys
            sys.path.insert(0, os.path.dirname(sys.argv[1]))
            import corpus, raw_origin
            jobs = json.loads(sys.argv[2])
            cases = [case for case in corpus.load("own") if case.name in jobs.values()]
            raw_origin.write_plan("plan.json", cases, jobs)
            """
        let jobs = try JSONEncoder().encode(
            Dictionary(uniqueKeysWithValues: self.cases.map { ("\($0)", $1) }))
        let made = try await program.start(
            Tools.python, ["-B", "-c", makePlan, tool, String(decoding: jobs, as: UTF8.self)]
        ).wait()
        try #require(made.status == 0, "\(made.err)")
        try await super.init(program.startTool("raw_origin.py", ["--plan", "plan.json"]))
    }

    func enqueue(in program: Program) async throws {
        let last = Self.firstID + count
        try await program.runner(
            "enqueue", "--range", "\(Self.firstID)..\(last)", "--url",
            "http://127.0.0.1:\(port)/{id}"
        ).expectSuccess()
    }

    /// How often each ID was asked for.
    func asked() async throws -> [Int: Int] {
        struct Counts: Decodable { let asked: [String: Int] }
        // It never closes a connection, which `httpGet` would wait for.
        let fetch = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())"
        let url = "http://127.0.0.1:\(port)/_/counts"
        let answer = try await Program().start(Tools.python, ["-c", fetch, url]).wait(seconds: 20)
        let counts = try JSONDecoder().decode(Counts.self, from: Data(answer.out.utf8))
        return Dictionary(
            uniqueKeysWithValues: counts.asked.compactMap { id, count in
                Int(id).map { ($0, count) }
            })
    }
}
