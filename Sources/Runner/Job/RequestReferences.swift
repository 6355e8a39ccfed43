internal import Glibc
internal import JobStore

/// The values that header fields refer to: variables of the environment, and files. They are read
/// when a run starts, and never stored.
public struct RequestReferences: Sendable {
    /// The variables, by their names.
    public let environment: [String: String]

    public init(environment: [String: String] = [:]) { self.environment = environment }

    /// Returns the fields that a source stands for, their references resolved.
    ///
    /// - Parameter names: The names of placeholders.
    /// - Throws: When a variable is not set, or a file cannot be read or holds no header fields.
    func fields(
        of source: HeaderSource, names: Set<String> = []
    ) throws(RequestError) -> [FieldTemplate] {
        switch source {
        case .field(let field): [try resolve(field, names)]
        case .file(let path):
            try Self.lines(ofFile: path).map { line throws(RequestError) in
                do throws(RequestTemplate.Malformed) {
                    return FieldTemplate(
                        try HeaderTemplate(parsing: line), isSecret: true, names: names,
                        expanding: { $0 })
                } catch {
                    throw RequestError(
                        .badFile, "the file of headers \(path) holds a line that is no header")
                }
            }
        }
    }

    private func resolve(
        _ field: HeaderTemplate, _ names: Set<String>
    ) throws(RequestError) -> FieldTemplate {
        guard field.readsEnvironment else {
            return FieldTemplate(field, isSecret: false, names: names) { $0 }
        }
        return try FieldTemplate(field, isSecret: true, names: names) { text throws(RequestError) in
            try expand(text, for: field.name)
        }
    }

    // MARK: - Variables

    /// Replaces `$NAME` and `${NAME}` by the values of variables, and `$$` by `$`.
    private func expand(_ text: [UInt8], for header: String) throws(RequestError) -> [UInt8] {
        var (expanded, rest) = ([UInt8](), text[...])
        while let dollar = rest.firstIndex(of: UInt8(ascii: "$")) {
            expanded += rest[..<dollar]
            rest = rest[(dollar + 1)...]
            if rest.first == UInt8(ascii: "$") {
                expanded.append(rest.removeFirst())
            } else if let (name, after) = Self.name(at: rest) {
                guard let value = environment[name] else {
                    throw RequestError(
                        .missingVariable,
                        "the header '\(header)' needs the environment variable \(name), which is not set",
                        remedy: .setVariable(name))
                }
                guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
                    throw RequestError(
                        .badValue,
                        "the environment variable \(name) holds a line break or another control character, which the header '\(header)' cannot"
                    )
                }
                expanded += value.utf8
                rest = rest[after...]
            } else {
                expanded.append(UInt8(ascii: "$"))
            }
        }
        return expanded + rest
    }

    /// Returns the name of the variable that a text begins with, behind its `$`, and the index
    /// behind it; `nil` when there is none.
    private static func name(at text: ArraySlice<UInt8>) -> (String, after: Int)? {
        func isOfName(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: "_") || byte.isLetterOrDigit
        }
        let isBraced = text.first == UInt8(ascii: "{")
        let name = (isBraced ? text.dropFirst() : text).prefix(while: isOfName)
        guard let first = name.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
        else {
            return nil
        }
        let isClosed = text[name.endIndex...].first == UInt8(ascii: "}")
        guard !isBraced || isClosed else { return nil }
        return (String(decoding: name, as: UTF8.self), name.endIndex + (isBraced ? 1 : 0))
    }

    // MARK: - Files

    private static func lines(ofFile path: String) throws(RequestError) -> [String] {
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try read(path)
        } catch {
            throw RequestError(
                .unreadableFile, "the file of headers \(path) cannot be read: \(error)",
                remedy: .restoreFile(path))
        }
        guard bytes.count <= RequestTemplate.headerBytesMax else {
            throw RequestError(
                .badFile,
                "the file of headers \(path) is larger than \(RequestTemplate.headerBytesMax) bytes"
            )
        }
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
        }
    }

    /// Reads a file, up to one byte more than headers may have.
    private static func read(_ path: String) throws(Errno) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Errno(errno) }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: RequestTemplate.headerBytesMax + 1)
        var count = 0
        while count < bytes.count {
            let step = bytes.withUnsafeMutableBytes {
                Glibc.read(file, $0.baseAddress! + count, $0.count - count)
            }
            if step < 0 && errno == EINTR { continue }
            guard step >= 0 else { throw Errno(errno) }
            if step == 0 { break }
            count += step
        }
        return Array(bytes[..<count])
    }
}

/// The reason requests cannot be made as they were queued.
public struct RequestError: Error, Sendable, CustomStringConvertible {
    /// The kind of error. More kinds come with time, so this is not an enum to switch over
    /// exhaustively.
    public struct Code: Hashable, Sendable {
        private enum Kind { case missingVariable, badValue, unreadableFile, badFile }
        private let kind: Kind

        /// A header needs a variable of the environment that is not set.
        public static let missingVariable = Code(kind: .missingVariable)
        /// A variable's value cannot stand in a header.
        public static let badValue = Code(kind: .badValue)
        /// A file of headers cannot be read.
        public static let unreadableFile = Code(kind: .unreadableFile)
        /// A file of headers holds something else.
        public static let badFile = Code(kind: .badFile)
    }

    /// The action that helps, where there is one.
    public enum Remedy: Hashable, Sendable {
        /// Set this variable of the environment.
        case setVariable(String)
        /// Put back this file, or make it readable.
        case restoreFile(String)
    }

    public let code: Code
    public let description: String
    public let remedy: Remedy?

    init(_ code: Code, _ description: String, remedy: Remedy? = nil) {
        self.code = code
        self.description = description
        self.remedy = remedy
    }
}
