import Foundation
import TestSupport
import Testing

@testable import Links

/// Compares the links of pages drawn at random with those that html5lib and lxml find in them.
///
/// `RUNNER_TEST_PAGES=20000` is a longer run.
@Suite struct OtherParsersTests {
    private struct Drawn: Decodable {
        let page: String
        let lxml: [[String]]
        let html5lib: [[String]]
    }

    private static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    private func draw(seed: UInt64, count: Int) throws -> [Drawn] {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(
            fileURLWithPath: Self.repository + "/.build/test-tools/venv/bin/python")
        process.arguments = [
            "-B", Self.repository + "/Tests/Tools/links_of_pages.py", "\(seed)", "\(count)",
        ]
        process.standardOutput = output
        try process.run()
        let lines = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return try lines.split(separator: 0x0A).map {
            try JSONDecoder().decode(Drawn.self, from: Data($0))
        }
    }

    /// The tags that have an address, with it.
    private func found(in page: String) -> [[String]] {
        var scanner = TagScanner()
        var found: [[String]] = []
        Array(page.utf8).withUnsafeBytes { bytes in
            var offset = 0
            while scanner.next(bytes, from: &offset) {
                let names: [Links.Tag.Name: String] = [
                    .anchor: "a", .area: "area", .link: "link", .base: "base",
                ]
                guard let name = names[scanner.tag.name], let href = scanner.tag.value(.href) else {
                    continue
                }
                let text = CharacterReferences.decode(TextConverter.decodeUndeclared(href))
                found.append([name, String(decoding: text, as: UTF8.self)])
            }
        }
        return found
    }

    @Test func findsTheTagsThatOthersFind() throws {
        let seed = testSeed(for: "findsTheTagsThatOthersFind") >> 1
        let count = setting("RUNNER_TEST_PAGES", default: 1000)
        let pages = try draw(seed: seed, count: count)
        #expect(pages.count == count)
        var links = 0
        var unlike = (html5lib: 0, lxml: 0)
        for page in pages {
            let found = found(in: page.page)
            links += found.count
            let isPlain = !page.page.contains("<svg") && !page.page.contains("<math")
            if found != page.html5lib {
                // An end tag that ends an element around SVG or MathML ends these, too, which only
                // a tree knows; directly within foreignObject, CDATA is text.
                #expect(!isPlain, "\(page.page.debugDescription)\n\(found)\n\(page.html5lib)")
                unlike.html5lib += 1
            }
            if found != page.lxml {
                // To lxml, scripts and the like within SVG and MathML hold text.
                #expect(!isPlain, "\(page.page.debugDescription)\n\(found)\n\(page.lxml)")
                unlike.lxml += 1
            }
        }
        print("\(count) pages, \(links) links; unlike others: \(unlike)")
        #expect(links > count)
        // Those are rare, too.
        #expect(unlike.html5lib <= 2 + count / 500)
        #expect(unlike.lxml <= 5 + count / 25)
    }
}
