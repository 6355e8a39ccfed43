import JobStore
import Testing

@testable import Runner

/// The common part of requests that were found.
@Suite struct FoundKindTests {
    private func kind(_ headers: [String]) throws -> FoundKind {
        let headers = try headers.map { HeaderSource.field(try HeaderTemplate(parsing: $0)) }
        let batch = Batch(
            id: 1,
            source: .range(
                JobRange(first: 0, count: 1),
                try RequestTemplate(parsing: "http://h/{id}", headers: headers)))
        return FoundKind(of: batch, RequestHash.Key(first: 1, second: 2), hasSecrets: false)
    }

    /// In the batch they stand for themselves, as it has no field of that name.
    @Test func bracesInHeaders_standForThemselves() throws {
        let headers = ["X-One: {url}", "X-Two: {_depth} {key:03}", "X-Three: {other}"]
        let kind = try kind(headers)
        #expect(kind.fields.names[0] == "__url" && kind.fields.names.count == 8)
        #expect(kind.request.headers.count == 3)
        for case .field(let field) in kind.request.headers {
            guard case .text(let text) = field.value else { continue }
            let template = TextTemplate(text.utf8, names: kind.request.names)
            #expect(template.placeholders.isEmpty, "\(text)")
        }
    }

    @Test func headersOfOneJob_areLeftOut() throws {
        let kind = try kind(["X-One: {id}", "X-Two: all", "Content-Type: text/plain"])
        #expect(kind.fields.names[0] == "url" && kind.request.headers.count == 1)
    }
}
