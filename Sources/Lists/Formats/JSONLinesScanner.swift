/// Reads one JSON object a line, whose members describe a request.
final class JSONLinesScanner {
    private let cutter: LineCutter
    private let place: ReadingPlace
    private let rowBytesMax: Int
    private let fields = FieldBuffer(countMax: JSONColumn.allCases.count)
    /// Text without its escapes, of one line.
    private let scratch = ScratchBytes()
    private let headers: JSONHeaders
    private let closers = ScratchBytes()

    init(_ window: ByteWindow, _ place: ReadingPlace, _ options: ListOptions) {
        cutter = LineCutter(window, place, lineBytesMax: options.rowBytesMax)
        self.place = place
        rowBytesMax = options.rowBytesMax
        headers = JSONHeaders(scratch, bytesMax: options.rowBytesMax)
    }

    func next() throws(ListError) -> ListRow? {
        while let line = try cutter.next() {
            switch line {
            case .whole(let line):
                if line.withoutOuterBlanks.isEmpty {
                    place.blankLines += 1
                    continue
                }
                return row(of: line)
            case .tooLong(let excerpt):
                return .rejected(.tooLong(place.lineNumber, rowBytesMax, of: excerpt))
            }
        }
        return nil
    }

    private func row(of line: UnsafeRawBufferPointer) -> ListRow {
        guard TextCheck.isUTF8(line) else { return .rejected(.notUTF8(place.lineNumber, of: line)) }
        // Decoded, a text takes no more bytes than it has; a body in Base64 is decoded twice.
        scratch.reset(for: 2 * line.count)
        fields.clear()
        do throws(JSONFault) {
            let members = try takeObject(in: line)
            return fields.row(isJSONBody: members.contains(.json))
        } catch {
            return .rejected(
                ListRejection(place.lineNumber, error.reason, error.description, of: line))
        }
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
    mutating func takeName(_ scratch: ScratchBytes) throws(JSONFault) -> UnsafeRawBufferPointer {
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
    mutating func takeText(
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
