internal import PageFiles

/// An answer to a request, whole. Pure.
struct Answer: Sendable {
    var status: Int
    var fields: [(String, String)] = []
    var body: [UInt8] = []
    /// Whether the connection ends behind it.
    var endsConnection = false

    static func file(_ file: PageFile) -> Answer {
        Answer(status: 200, fields: [("Content-Type", file.type)], body: file.bytes)
    }

    static func json(_ body: [UInt8]) -> Answer {
        Answer(status: 200, fields: [("Content-Type", "application/json")], body: body)
    }

    static func text(_ status: Int, _ text: String) -> Answer {
        Answer(
            status: status, fields: [("Content-Type", "text/plain; charset=utf-8")],
            body: Array((text + "\n").utf8))
    }

    static func of(_ refusal: AccessRules.Refusal) -> Answer {
        switch refusal {
        case .otherHost:
            .text(421, "this server does not answer for that host name; see: --http-host")
        case .otherSite: .text(403, "this was sent by a page of another site")
        case .noToken:
            Answer(
                status: 401,
                fields: [
                    ("Content-Type", "text/plain; charset=utf-8"), ("WWW-Authenticate", "Bearer"),
                ], body: Array("open the link that the program has printed\n".utf8))
        }
    }

    /// The fields of each answer. Scripts and styles are ours alone, and nothing may frame, submit
    /// or refer.
    static let safety = [
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        ("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ]
}
