/// Reads JSON objects whose members describe a request.
package final class JSONRequestReader {
    private let fields = FieldBuffer(countMax: JSONColumn.allCases.count)
    /// Text without its escapes, of one object.
    private let scratch = ScratchBytes()
    private let headers: JSONHeaders
    private let closers = ScratchBytes()

    /// - Parameter headerBytesMax: The most bytes of all headers of a request, roughly.
    package init(headerBytesMax: Int) {
        headers = JSONHeaders(scratch, bytesMax: headerBytesMax)
    }

    /// Reads an object.
    ///
    /// - Parameter object: UTF-8.
    /// - Returns: Its fields by `JSONColumn`, valid until the next call and as long as `object`.
    package func read(_ object: UnsafeRawBufferPointer) throws(JSONFault) -> ListFields {
        // Decoded, a text takes no more bytes than it has; a body in Base64 is decoded twice.
        scratch.reset(for: 2 * object.count)
        fields.clear()
        let members = try takeObject(in: object)
        return fields.fields(isJSONBody: members.contains(.json))
    }

    /// - Returns: The members that the line has.
    private func takeObject(in line: UnsafeRawBufferPointer) throws(JSONFault) -> JSONMembers {
        var scanner = JSONScanner(line, closers)
        let kind = try scanner.kind()
        guard kind == .object else {
            _ = try scanner.takeValue(depth: 0)
            try scanner.expectEnd()
            throw JSONFault(.wrongType, "is of type \(kind), and must be an object")
        }
        try scanner.expect(UInt8(ascii: "{"))
        var members = JSONMembers()
        if !scanner.take(UInt8(ascii: "}")) {
            repeat {
                let member = try takeName(&scanner)
                guard members.insert(member) else {
                    throw JSONFault(.duplicateMember, "has the member \(member.name) twice")
                }
                fields.set(member.column.rawValue, to: try takeValue(of: member, &scanner))
            } while scanner.take(UInt8(ascii: ","))
            try scanner.expect(UInt8(ascii: "}"))
        }
        try scanner.expectEnd()
        guard members.contains(.url) else { throw JSONFault(.missingMember, "has no member url") }
        if fields[JSONColumn.body.rawValue] != nil, members.bodies.count > 1 {
            let names = members.bodies.map(\.name).joined(separator: " and ")
            throw JSONFault(.manyBodies, "has the members \(names), of which one may be")
        }
        return members
    }

    private func takeName(_ scanner: inout JSONScanner) throws(JSONFault) -> JSONMember {
        let name = try scanner.takeName(scratch)
        guard let member = JSONMember(name: name) else {
            throw JSONFault(.unknownMember, "has a member that is not known: \(ShownText.of(name))")
        }
        return member
    }

    private func takeValue(
        of member: JSONMember, _ scanner: inout JSONScanner
    ) throws(JSONFault) -> UnsafeRawBufferPointer {
        switch member {
        case .url, .method, .body:
            return try scanner.takeText(of: member.name, scratch)
        case .bodyBase64:
            let text = try scanner.takeText(of: member.name, scratch)
            let start = scratch.count
            guard Base64.decode(text, into: scratch) else {
                throw JSONFault(
                    .invalidBase64, "has a body_base64 that is no Base64 (RFC 4648, 4)")
            }
            return scratch.bytes(from: start)
        case .headers: return try headers.take(&scanner)
        case .json, .meta: return try scanner.takeValue(depth: 1)
        case .key:
            if try scanner.kind() == .number { return try scanner.takeNumber() }
            return try scanner.takeText(of: member.name, scratch, or: .number)
        }
    }
}

extension JSONScanner {
    /// Takes a member's name and the colon behind it.
    package mutating func takeName(_ scratch: ScratchBytes) throws(JSONFault)
        -> UnsafeRawBufferPointer
    {
        guard peek() == UInt8(ascii: "\"") else { throw fault("expected a member's name") }
        let name = try takeString().decoded(scratch)
        try expect(UInt8(ascii: ":"))
        return name
    }

    /// Takes a string, without its escapes.
    ///
    /// - Parameters:
    ///   - name: The name by which a fault calls the value.
    ///   - other: Another type that the value may have.
    package mutating func takeText(
        of name: String, _ scratch: ScratchBytes, or other: Kind? = nil
    ) throws(JSONFault) -> UnsafeRawBufferPointer {
        let kind = try kind()
        guard kind == .string else {
            // A word that only begins as a value does is no value of another type.
            _ = try takeValue(depth: 1)
            let others = other.map { " or \($0)" } ?? ""
            throw JSONFault(
                .wrongType, "has \(name) of type \(kind), and it must be string\(others)")
        }
        return try takeString().decoded(scratch)
    }
}

extension JSONScanner.Text {
    func decoded(_ scratch: ScratchBytes) -> UnsafeRawBufferPointer {
        guard hasEscapes else { return bytes }
        let start = scratch.count
        JSONEscape.decode(bytes, into: scratch)
        return scratch.bytes(from: start)
    }
}
