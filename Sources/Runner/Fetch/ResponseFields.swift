/// The few fields of a head that fetching depends on. Replaced as a whole by each head. Pure.
struct ResponseFields {
    /// Whether the head names another place.
    private(set) var hasLocation = false
    /// Whether the head says how long the body is, or where it ends.
    private(set) var isFramed = false
    /// Whether the connection ends with the response.
    private(set) var isClosing = false
    /// Whether a field tells when to ask again.
    private(set) var hasRetryAfter = false
    private(set) var codings = Codings()

    /// The codings of a body, by the fields that name them.
    struct Codings {
        fileprivate(set) var ofContent: [ContentDecoder.Coding] = []
        /// The codings of Transfer-Encoding, which are undone before those of the content.
        fileprivate(set) var ofTransfer: [ContentDecoder.Coding] = []
        /// Whether a field names a coding that the decoder does not know, or too many.
        fileprivate(set) var isUnknown = false

        /// The codings to undo, in the order they were applied.
        var applied: [ContentDecoder.Coding] { ofContent + ofTransfer }
        var isEncoded: Bool { !ofContent.isEmpty || !ofTransfer.isEmpty }

        fileprivate mutating func addOfContent(_ value: UnsafeRawBufferPointer) {
            Self.add(value, to: &ofContent, &isUnknown)
        }

        fileprivate mutating func addOfTransfer(_ value: UnsafeRawBufferPointer) {
            Self.add(value, to: &ofTransfer, &isUnknown)
        }

        private static func add(
            _ value: UnsafeRawBufferPointer, to codings: inout [ContentDecoder.Coding],
            _ isUnknown: inout Bool
        ) {
            do throws(ContentDecoder.Broken) {
                codings += try ContentDecoder.codings(in: value, after: codings.count)
            } catch {
                isUnknown = true
            }
        }
    }

    /// Notes a field that matters here. The first letter rules out most other fields.
    ///
    /// - Returns: Whether the field sets a cookie.
    mutating func note(_ line: UnsafeRawBufferPointer) -> Bool {
        guard let first = line.first else { return false }
        switch first | 0x20 {
        case UInt8(ascii: "c"):
            if let value = line.value(of: "content-encoding") {
                codings.addOfContent(value)
            } else if let value = line.value(of: "connection") {
                isClosing = value.isASCII(equal: "close")
            } else if line.isField("content-length") {
                isFramed = true
            }
        case UInt8(ascii: "l"):
            if let value = line.value(of: "location"), !value.isEmpty { hasLocation = true }
        case UInt8(ascii: "r"):
            if line.isField("retry-after") { hasRetryAfter = true }
        case UInt8(ascii: "s"):
            return line.isField("set-cookie")
        case UInt8(ascii: "t"):
            if let value = line.value(of: "transfer-encoding") {
                isFramed = true
                codings.addOfTransfer(value)
            }
        default: break
        }
        return false
    }
}

extension UnsafeRawBufferPointer {
    /// Whether a header line is a field named `name`.
    ///
    /// - Parameter name: The name in lower case.
    fileprivate func isField(_ name: StaticString) -> Bool {
        let length = name.utf8CodeUnitCount
        return count > length && self[length] == UInt8(ascii: ":")
            && self.prefix(length).isASCII(equal: name)
    }

    /// The value of a header line, without the white space around it; `nil` when the line is not a
    /// field named `name`.
    ///
    /// - Parameter name: The name in lower case.
    fileprivate func value(of name: StaticString) -> UnsafeRawBufferPointer? {
        guard isField(name) else { return nil }
        var (start, end) = (name.utf8CodeUnitCount + 1, count)
        while end > start, self[end - 1] <= UInt8(ascii: " ") { end -= 1 }
        while start < end, self[start] <= UInt8(ascii: " ") { start += 1 }
        return UnsafeRawBufferPointer(rebasing: self[start..<end])
    }
}
