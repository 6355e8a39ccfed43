import ArgumentParser
import Glibc
import JobStore

/// The options that give requests header fields; most of their names are curl's.
struct HeaderOptions: ParsableArguments {
    @Option(
        name: [.customShort("H"), .customLong("header")], parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A header 'Name: value', or @FILE with one a line, read when a run starts; may be given several times.",
            valueName: "header"))
    var header: [String] = []

    @Option(
        name: [.customShort("A"), .customLong("user-agent")], parsing: .unconditional,
        help: ArgumentHelp("The header User-Agent.", valueName: "name"))
    var userAgent: String?

    @Option(
        name: [.customShort("b"), .customLong("cookie")], parsing: .unconditional,
        help: ArgumentHelp("The header Cookie, sent as given.", valueName: "name=value"))
    var cookie: String?

    @Option(
        name: [.customShort("u"), .customLong("user")], parsing: .unconditional,
        help: ArgumentHelp("Credentials for Basic authentication.", valueName: "user:password"))
    var user: String?

    @Flag(
        name: .customLong("expand-env"),
        help: "Replace $NAME in headers when a run starts; the value is never stored.")
    var expandsEnvironment = false

    /// The fields in the order that the options are listed in.
    ///
    /// - Throws: When a header is malformed.
    func sources() throws -> [HeaderSource] {
        do throws(RequestTemplate.Malformed) {
            var sources: [HeaderSource] = []
            for text in header { sources.append(try source(text)) }
            for (name, value) in [("User-Agent", userAgent), ("Cookie", cookie)] {
                guard let value else { continue }
                sources.append(.field(try field(name + (value.isEmpty ? ":" : ": " + value))))
            }
            if let user { sources.append(.field(try credentials(user))) }
            return sources
        } catch {
            throw ValidationError(error.description)
        }
    }

    private func source(_ text: String) throws(RequestTemplate.Malformed) -> HeaderSource {
        guard text.hasPrefix("@") else { return .field(try field(text)) }
        let path = String(text.dropFirst())
        guard let real = realpath(path, nil) else {
            throw .init(
                "the file of headers '\(path)' cannot be found (\(String(cString: strerror(errno)))); write -H @FILE"
            )
        }
        defer { free(real) }
        return .file(path: String(cString: real))
    }

    private func field(_ line: String) throws(RequestTemplate.Malformed) -> HeaderTemplate {
        try HeaderTemplate(parsing: line, readsEnvironment: expandsEnvironment)
    }

    private func credentials(_ text: String) throws(RequestTemplate.Malformed) -> HeaderTemplate {
        guard text.contains(":") else {
            throw .init("--user '\(text)' has no password; write it as user:password")
        }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw .init("--user holds a control character; take it out")
        }
        return HeaderTemplate(
            "Authorization", .credentials(text), readsEnvironment: expandsEnvironment)
    }
}

/// The options that make the requests of an `enqueue`.
struct ContentOptions: ParsableArguments {
    @Option(
        name: [.customShort("X"), .customLong("request")],
        help: ArgumentHelp("The method. (default: GET, or POST with a body)", valueName: "method"))
    var method: String?

    @Option(
        name: [.customShort("d"), .customLong("data")], parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A body name=value, or @FILE; several are joined with &.", valueName: "data"))
    var data: [String] = []

    @Option(
        name: .customLong("data-binary"), parsing: .unconditional,
        help: ArgumentHelp(
            "A body, or @FILE, sent byte for byte.", valueName: "data"))
    var binary: String?

    @Option(
        name: .customLong("json-body"), parsing: .unconditional,
        help: ArgumentHelp("A body in JSON, or @FILE.", valueName: "json"))
    var json: String?

    func validate() throws {
        guard [!data.isEmpty, binary != nil, json != nil].count(where: \.self) <= 1 else {
            throw ValidationError("--data, --data-binary and --json-body give one body; choose one")
        }
    }

    /// The method of the requests.
    func requestMethod() throws -> HTTPMethod {
        guard let method else { return hasBody ? .post : .get }
        do {
            return try HTTPMethod(parsing: method)
        } catch {
            throw ValidationError(error.description)
        }
    }

    /// Whether any of the options is given.
    var isGiven: Bool { method != nil || hasBody }

    private var hasBody: Bool { !data.isEmpty || binary != nil || json != nil }

    /// The fields that go with the body unless they are given.
    var bodyHeaders: [HeaderTemplate] {
        if json != nil {
            return [
                HeaderTemplate("Content-Type", .text("application/json")),
                HeaderTemplate("Accept", .text("application/json")),
            ]
        }
        guard hasBody else { return [] }
        return [HeaderTemplate("Content-Type", .text("application/x-www-form-urlencoded"))]
    }

    /// The body; `nil` when none is given.
    func body() throws -> BodyTemplate? {
        if let json { return BodyTemplate(try Self.bytes(json), .json) }
        if let binary { return BodyTemplate(try Self.bytes(binary), .raw) }
        guard !data.isEmpty else { return nil }
        let pieces = try data.map { piece in
            let bytes = try Self.bytes(piece)
            // As curl does with a file that --data names.
            return piece.hasPrefix("@") ? bytes.filter { ![0, 10, 13].contains($0) } : bytes
        }
        return BodyTemplate(Array(pieces.joined(separator: "&".utf8)), .form)
    }

    /// The bytes of a value, which may name a file.
    private static func bytes(_ value: String) throws -> [UInt8] {
        guard value.hasPrefix("@") else { return Array(value.utf8) }
        let path = String(value.dropFirst())
        let file = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw unreadable(path) }
        defer { if file != STDIN_FILENO { close(file) } }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        // One byte too many is enough to be refused.
        while bytes.count <= BodyTemplate.bytesMax {
            let count = read(file, &piece, piece.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(path) }
            if count == 0 { break }
            bytes += piece[..<count]
        }
        return bytes
    }

    private static func unreadable(_ path: String) -> ValidationError {
        ValidationError(
            "the file of the body '\(path)' cannot be read (\(String(cString: strerror(errno)))); give another after @"
        )
    }
}
