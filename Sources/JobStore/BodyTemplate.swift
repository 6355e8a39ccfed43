/// The body of a batch's requests, with placeholders.
public struct BodyTemplate: Equatable, Sendable {
    /// The syntax of a body, which says how a value is escaped where a placeholder stands.
    public enum Syntax: String, Sendable {
        /// Values stand as they are.
        case raw
        /// `name=value` pairs: values are percent-encoded.
        case form
        /// JSON: values are escaped as the characters of a string.
        case json
    }

    public let bytes: [UInt8]
    public let syntax: Syntax

    public init(_ bytes: [UInt8], _ syntax: Syntax) {
        self.bytes = bytes
        self.syntax = syntax
    }

    /// The most bytes of a body that a batch keeps: each batch that a run works on has its body in memory.
    public static let bytesMax = 1 << 20
}
