/// The columns of a list in JSON Lines, in their order.
package enum JSONColumn: Int, CaseIterable, Sendable {
    case url, method, headers, body, key, meta

    var name: String { String(describing: self) }
}

/// The members that an object of JSON Lines may have.
enum JSONMember: Int {
    case url, method, headers, body, bodyBase64, json, key, meta

    /// The members, by their numbers.
    private static let names: [StaticString] = [
        "url", "method", "headers", "body", "body_base64", "json", "key", "meta",
    ]

    init?(name: UnsafeRawBufferPointer) {
        guard let number = Self.names.firstIndex(where: { name.equals($0) }) else { return nil }
        self.init(rawValue: number)
    }

    var name: String { "\(Self.names[rawValue])" }

    /// The column that the member's value goes to.
    var column: JSONColumn {
        switch self {
        case .url: .url
        case .method: .method
        case .headers: .headers
        case .body, .bodyBase64, .json: .body
        case .key: .key
        case .meta: .meta
        }
    }
}

/// The members that one object has.
struct JSONMembers {
    private var bits = 0

    func contains(_ member: JSONMember) -> Bool { bits & 1 << member.rawValue != 0 }

    /// - Returns: Whether the member is new.
    mutating func insert(_ member: JSONMember) -> Bool {
        defer { bits |= 1 << member.rawValue }
        return !contains(member)
    }

    /// The members that give a body.
    var bodies: [JSONMember] { [.body, .bodyBase64, .json].filter(contains) }
}
