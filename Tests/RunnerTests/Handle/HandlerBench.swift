import JobStore
import Synchronization
import TestSupport
import Testing

@testable import Runner

/// A handler of a script, and responses for it.
final class HandlerBench: Sendable {
    let sinks: SinkBench
    /// The lines that the handler has told.
    let told = Locked<[String]>([])

    init() throws { sinks = try SinkBench(budget: 64 << 20) }

    /// A folder for the scripts' own files, `$F` to them.
    var folder: String { sinks.folder.path }

    /// Functions of the shell: `next` reads a response (`$n` is its number, `$id` its job), `answer`
    /// answers it.
    private static let functions = #"""
        next() {
            IFS= read -r line || exit 0
            n=${line#*:} && n=${n%%,*}
            id=${line#*'"id":'} && id=${id%%,*}
        }
        answer() { echo "{\"request\":$n,\"records\":[$id]}"; }

        """#

    /// A handler of a script of the shell, which is run from its beginning by each process.
    ///
    /// - Parameter set: Sets options.
    func handler(
        _ script: String, processes: Int = 1,
        _ set: (inout ProcessHandlerOptions) -> Void = { _ in }
    ) throws -> ProcessHandler {
        var options = ProcessHandlerOptions(
            command: "F='\(folder)'\necho >>\"$F/starts\"\n" + Self.functions + script,
            processes: processes)
        set(&options)
        return try ProcessHandler(options) { [self] number, line in
            told.withLock { $0.append("\(number): \(line)") }
        }
    }

    func record(_ id: Int, body: [UInt8] = Array("text".utf8)) throws -> Record {
        sinks.record(.sample(id), .ok, try sinks.capture(body: body, inPiecesOf: 64 << 10))
    }

    /// The results of handling responses at once, by their jobs.
    func results(
        of handler: ProcessHandler, _ ids: Range<Int>
    ) async throws -> [Int: Result<Handled, any Error>] {
        let records = try ids.map { try record($0) }
        return await withTaskGroup(of: (Int, Result<Handled, any Error>).self) { group in
            for record in records {
                group.addTask {
                    do { return (record.id, .success(try await handler.handle(record))) } catch {
                        return (record.id, .failure(error))
                    }
                }
            }
            var results: [Int: Result<Handled, any Error>] = [:]
            for await (id, result) in group { results[id] = result }
            return results
        }
    }

    /// Handles responses at once, of which one alone must fail, and all others get their records.
    ///
    /// - Returns: The error of the one that failed.
    func failure(
        of id: Int, among ids: Range<Int>, _ handler: ProcessHandler,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> HandlerError {
        var failure: HandlerError?
        for (other, result) in try await results(of: handler, ids) {
            switch result {
            case .success(let handled):
                #expect(
                    String(decoding: handled.records, as: UTF8.self) == "\(other)",
                    sourceLocation: sourceLocation)
            case .failure(let error):
                #expect(other == id, "\(error)", sourceLocation: sourceLocation)
                failure = error as? HandlerError
            }
        }
        await handler.close()
        let found = try #require(failure, sourceLocation: sourceLocation)
        #expect(found.effect == .attempt, "\(found)", sourceLocation: sourceLocation)
        return found
    }

    /// The number of processes that were started.
    var starts: Int { text(of: "starts").utf8.count }

    func text(of file: String) -> String {
        String(decoding: contents(of: sinks.folder.file(file)), as: UTF8.self)
    }
}
