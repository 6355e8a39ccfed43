import Glibc
import TestSupport
import Testing

@testable import Lists

/// All that a reader told of a list.
struct Reading: Equatable {
    struct Entry: Equatable {
        let line: Int
        /// The reader's position behind it.
        let position: Int
        let nextLine: Int
        /// The fields as text; `nil` where the row has none. Of a rejection, its reason alone.
        let fields: [String?]
        let reason: ListRejection.Reason?
        let text: String
        let excerpt: [UInt8]
        let isJSONBody: Bool
        let isSitemap: Bool

        /// `a|b|-` for a row with two fields of three; `!reason@line` for a rejection.
        var short: String {
            reason.map { "!\($0)@\(line)" } ?? fields.map { $0 ?? "-" }.joined(separator: "|")
        }
    }

    var columns: [String] = []
    var entries: [Entry] = []
    var blankLines = 0
    var comments = 0
    var position = 0
    var code: ListError.Code?
    var message = ""

    var short: [String] { entries.map(\.short) }
}

/// The sizes of reads by which lists are read: each must give the same.
let readSizes = [1, 2, 7, 4096]

/// Reads a list to its end or to an error.
func reading(
    _ source: ListSource, _ format: ListFormat?, _ options: ListOptions = ListOptions(),
    startingAt position: Int = 0, lineNumber: Int = 1
) -> Reading {
    var reading = Reading()
    do throws(ListError) {
        let reader = try ListReader(
            source: source, format: format, options: options, startingAt: position,
            lineNumber: lineNumber)
        reading.columns = reader.columns
        defer {
            reading.blankLines = reader.blankLines
            reading.comments = reader.comments
            reading.position = reader.position
        }
        while let row = try reader.next() { reading.entries.append(entry(of: row, reader)) }
        let isStillOver = try reader.next() == nil
        #expect(isStillOver)
    } catch {
        reading.code = error.code
        reading.message = error.description
    }
    return reading
}

private func entry(of row: ListRow, _ reader: ListReader) -> Reading.Entry {
    switch row {
    case .row(let fields):
        Reading.Entry(
            line: reader.lineNumber, position: reader.position, nextLine: reader.nextLineNumber,
            fields: (0..<fields.count).map { column in
                fields.field(column).map { String(decoding: $0, as: UTF8.self) }
            },
            reason: nil, text: "", excerpt: [], isJSONBody: fields.isJSONBody,
            isSitemap: fields.isSitemap)
    case .rejected(let rejection):
        Reading.Entry(
            line: rejection.lineNumber, position: reader.position, nextLine: reader.nextLineNumber,
            fields: [], reason: rejection.reason, text: rejection.description,
            excerpt: rejection.excerpt, isJSONBody: false, isSitemap: false)
    case .waiting: preconditionFailure("these readers have no patience, so they never wait")
    }
}

/// A file that lists are written to, one after another.
final class ListFile {
    private let folder = Folder()
    var path: String { folder.file("list") }

    /// Reads a list by reads of all sizes, expects the same of each, and the rest of it behind each
    /// row.
    func reading(
        _ bytes: [UInt8], _ format: ListFormat?, _ options: ListOptions = ListOptions(),
        sizes: [Int] = readSizes, location: SourceLocation = #_sourceLocation
    ) -> Reading {
        write(bytes, to: path)
        var options = options
        var first: Reading?
        for size in sizes {
            options.readBytes = size
            let next = open { ListsTests.reading($0, format, options) }
            if let first { #expect(next == first, "reads of \(size)", sourceLocation: location) }
            first = first ?? next
        }
        return first ?? Reading()
    }

    func reading(
        _ text: String, _ format: ListFormat?, _ options: ListOptions = ListOptions(),
        location: SourceLocation = #_sourceLocation
    ) -> Reading {
        reading(Array(text.utf8), format, options, location: location)
    }

    /// Expects that a reader which begins behind a row gives the rows behind it.
    func checkResuming(
        _ reading: Reading, _ format: ListFormat, _ options: ListOptions = ListOptions(),
        location: SourceLocation = #_sourceLocation
    ) {
        // Short reads, so that the place is not among what the beginning brought.
        var options = options
        options.readBytes = 3
        let entries = reading.entries
        // All of a few rows, and twenty or so of many.
        for index in stride(from: 0, to: entries.count, by: max(1, entries.count / 20)) {
            let entry = entries[index]
            let rest = open {
                ListsTests.reading(
                    $0, format, options, startingAt: entry.position, lineNumber: entry.nextLine)
            }
            #expect(
                rest.entries == Array(entries[(index + 1)...]), "behind row \(index)",
                sourceLocation: location)
            #expect(rest.code == reading.code, sourceLocation: location)
        }
    }

    /// By a descriptor, so that errors name the list the same in all tests.
    func open<Result>(_ body: (ListSource) -> Result) -> Result {
        let descriptor = Glibc.open(path, O_RDONLY)
        precondition(descriptor >= 0, "the file was written")
        defer { close(descriptor) }
        return body(.descriptor(descriptor, name: "list"))
    }
}
