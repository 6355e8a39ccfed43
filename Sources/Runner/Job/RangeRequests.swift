internal import JobStore

/// The requests of a range: URLs differ in the ID alone, and are written into a buffer without an
/// allocation.
final class RangeRequests: Sendable {
    let url: IDText
    /// The URL as part of a JSON string, without user name and password.
    let jsonURL: IDText
    /// The URL without user name and password.
    let publicURL: IDText
    /// The path and query of the URL, when a job's ID stands in these alone and both may be sent as
    /// they are written; `nil` otherwise. With a target, the rest of the URL is parsed once for the
    /// whole batch.
    let target: Target?
    let contents: ContentTemplate
    let template: RequestTemplate
    private let firstID: Int
    private let step: Int

    /// The parts of a URL that differ from job to job; a part that does not differ is `nil`.
    struct Target: Equatable {
        let path: IDText?
        let query: IDText?
    }

    /// - Throws: When a variable or a file that the requests refer to is missing.
    init(
        _ template: RequestTemplate, ids: JobRange, _ defaults: RequestDefaults
    ) throws(RequestError) {
        self.template = template
        firstID = ids.first
        step = ids.step
        url = IDText(template.urlTemplate)
        publicURL = IDText(template.publicURLTemplate)
        jsonURL = IDText(
            template.publicURLTemplate.mapTexts { text in
                var escaped: [UInt8] = []
                escaped.append(json: text)
                return escaped
            })
        target = Self.target(template.urlTemplate)
        contents = try defaults.contents(of: template)
    }

    func id(at position: Int) -> Int { firstID + position * step }

    private static func target(_ url: TextTemplate) -> Target? {
        let (slash, question) = (UInt8(ascii: "/"), UInt8(ascii: "?"))
        guard let first = url.texts.first,
            let colon = first.firstIndex(of: UInt8(ascii: ":")),
            let start = first[(colon + 3)...].firstIndex(where: { $0 == slash || $0 == question }),
            first[start] == slash
        else { return nil }
        let (path, query) = url.dropping(first: start).split(at: question)
        let texts = path.texts + (query?.texts ?? [])
        guard texts.joined().allSatisfy({ $0.isPlainInTarget }),
            !path.texts.contains(where: { PlainTarget.hasDots($0[...]) })
        else { return nil }
        let (pathText, queryText) = (IDText(path), query.map { IDText($0) })
        return Target(
            path: pathText.isFixed ? nil : pathText,
            query: queryText?.isFixed ?? true ? nil : queryText)
    }
}

/// Paths and queries that are sent as they are written.
enum PlainTarget {
    /// Whether a path may hold segments of dots, which are resolved when a URL is parsed, not when a
    /// path is set.
    static func hasDots(_ path: ArraySlice<UInt8>) -> Bool {
        zip(path, path.dropFirst()).contains { $0 == UInt8(ascii: "/") && $1 == UInt8(ascii: ".") }
    }
}

extension UInt8 {
    /// Whether libcurl neither encodes nor folds the byte in a path or query, nor takes it for the
    /// end of these; a question mark is one, too, in a query.
    var isPlainInTarget: Bool { Self.plain[Int(self)] }

    private static let plain: [Bool] = {
        let others = Set("-._~!$&'()*+,;=:@/?".utf8)
        return (0...255).map { UInt8($0).isLetterOrDigit || others.contains(UInt8($0)) }
    }()

    var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
