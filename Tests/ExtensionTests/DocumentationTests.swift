import Foundation
import JobStore
import Runner
import TestServer
import TestSupport
import Testing

/// The articles of the libraries: what they show is what is compiled, and run, here.
@Suite struct DocumentationTests {
    private static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    private static let articles = [
        "Sources/Runner/Runner.docc/ThirtyLines.md", "Sources/Runner/Runner.docc/Runner.md",
        "Sources/Runner/Runner.docc/SinkAndFormat.md",
        "Sources/Runner/Runner.docc/SiteCrawl.md",
        "Sources/JobStore/JobStore.docc/OwnStore.md", "Sources/JobStore/JobStore.docc/JobStore.md",
    ]

    /// The blocks of Swift of an article.
    private func blocks(of article: String) -> [String] {
        let text = String(decoding: contents(of: "\(Self.repository)/\(article)"), as: UTF8.self)
        return text.components(separatedBy: "```swift\n").dropFirst().map { block in
            block.components(separatedBy: "```")[0]
        }
    }

    /// Lines without indentation, since an article shows parts of types.
    private func bare(_ text: String) -> String {
        text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
    }

    @Test(arguments: articles)
    func code_isCompiledHere(_ article: String) throws {
        let folder = "\(Self.repository)/Tests/ExtensionTests"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        let compiled = names.filter { $0.hasSuffix(".swift") && $0 != "DocumentationTests.swift" }
            .map { bare(String(decoding: contents(of: "\(folder)/\($0)"), as: UTF8.self)) }
        for block in blocks(of: article) {
            let block = bare(block)
            #expect(
                compiled.contains { $0.contains("\n" + block) || $0.hasPrefix(block) }, "\(block)")
        }
    }

    @Test func theArticles_haveCode() {
        for article in Self.articles where !article.hasSuffix("/Runner.md") {
            guard !article.hasSuffix("/JobStore.md") else { continue }
            #expect(!blocks(of: article).isEmpty, "\(article)")
        }
    }

    /// Symbols that an article names are there: a link to none is a warning of docc alone.
    @Test(arguments: articles)
    func names_areThoseOfTheSources(_ article: String) throws {
        let text = String(decoding: contents(of: "\(Self.repository)/\(article)"), as: UTF8.self)
        let links = text.matches(of: /[^`]``([A-Za-z]+)(?:\/([A-Za-z]+))?[^`]*``/)
        #expect(!links.isEmpty, "\(article)")
        let names = try Self.publicNames()
        for link in links {
            let (type, member) = (String(link.1), link.2.map(String.init))
            let isModule = type == "JobStore" || type == "Runner"
            #expect(isModule || names.contains(type), "\(type) in \(article)")
            if let member { #expect(names.contains(member), "\(type)/\(member) in \(article)") }
        }
    }

    /// The names that the libraries declare as public, and those of the methods of their protocols.
    private static func publicNames() throws -> Set<String> {
        let kinds: Set = ["struct", "class", "enum", "actor", "protocol", "func", "var", "let"]
        var names: Set<String> = []
        for module in ["JobStore", "Runner"] {
            let folder = "\(repository)/Sources/\(module)"
            let files = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String }
            for file in files ?? [] where file.hasSuffix(".swift") {
                let text = String(decoding: contents(of: "\(folder)/\(file)"), as: UTF8.self)
                for line in text.split(separator: "\n") {
                    let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_") }
                    guard let kind = words.firstIndex(where: { kinds.contains(String($0)) }),
                        words.first == "public" || words.first == "func",
                        words.indices.contains(kind + 1)
                    else { continue }
                    names.insert(String(words[kind + 1]))
                }
            }
        }
        return names
    }

    @Test func theRunOfTheArticle_fetchesAll_andGoesOn() async throws {
        let origin = try await Origin.start()
        let folder = Folder()
        let counts = try await fetchItems(120, of: origin.url, into: folder.path)
        #expect(counts.total == 120 && counts.done == 120)
        let before = origin.summary().requests
        // Once more: nothing is queued or fetched twice.
        let again = try await fetchItems(120, of: origin.url, into: folder.path)
        #expect(again.total == 120 && again.outcomes == counts.outcomes)
        #expect(origin.summary().requests == before)
        await origin.stop()
    }
}
