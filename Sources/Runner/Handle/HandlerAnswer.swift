internal import JobStore
internal import Lists

/// An answer of a handler's process: one line of JSON.
struct HandlerAnswer {
    /// The number of the response that is answered.
    let number: Int
    /// The answer, or the reason why it is none.
    let result: Result<Handled, Fault>

    /// The reason why a line, or what it says about its response, is no answer: as a clause without
    /// subject, such as `has no member request`.
    struct Fault: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }
}

/// Reads the answers of processes. Used on one thread.
final class HandlerAnswerReader {
    private let scratch = ScratchBytes()
    private let texts = ScratchBytes()
    private var requests = HandlerAnswerReader.makeRequests()

    /// The most bytes of the headers of a request to follow.
    private static let headerBytesMax = 1 << 20
    /// The most bytes of a URL, or of a verdict.
    private static let textBytesMax = 1 << 20

    private enum Member: UInt8 {
        case request, id, records, follow, verdict

        init?(_ name: UnsafeRawBufferPointer) {
            if name.equals("request") {
                self = .request
            } else if name.equals("records") {
                self = .records
            } else if name.equals("id") {
                self = .id
            } else if name.equals("follow") {
                self = .follow
            } else if name.equals("verdict") {
                self = .verdict
            } else {
                return nil
            }
        }
    }

    private static func makeRequests() -> JSONRequestReader {
        JSONRequestReader(headerBytesMax: headerBytesMax)
    }

    /// Reads a line.
    ///
    /// - Throws: `Fault` when it is no JSON object that names a response.
    func read(_ line: UnsafeRawBufferPointer) throws(HandlerAnswer.Fault) -> HandlerAnswer {
        guard TextCheck.isUTF8(line) else { throw HandlerAnswer.Fault("is not UTF-8") }
        var draft = Draft()
        do throws(JSONFault) {
            try take(line, &draft)
        } catch {
            throw HandlerAnswer.Fault(error.description)
        }
        guard let number = draft.number else {
            throw HandlerAnswer.Fault("has no member request that is a whole number")
        }
        do throws(HandlerAnswer.Fault) {
            return HandlerAnswer(number: number, result: .success(try handled(of: draft)))
        } catch {
            return HandlerAnswer(number: number, result: .failure(error))
        }
    }

    /// An answer while it is read.
    private struct Draft {
        var number: Int?
        var handled = Handled()
        var follow: [UnsafeRawBufferPointer] = []
        var verdict: UnsafeRawBufferPointer?
        var fault: String?
        private var members: UInt8 = 0

        mutating func note(_ text: String) { if fault == nil { fault = text } }

        mutating func begin(_ member: Member) {
            let bit = 1 << member.rawValue as UInt8
            if members & bit != 0 { note("has the member \(member) twice") }
            members |= bit
        }
    }

    private func take(
        _ line: UnsafeRawBufferPointer, _ draft: inout Draft
    ) throws(JSONFault) {
        var scanner = JSONScanner(line, scratch)
        guard try scanner.kind() == .object else { throw scanner.fault("expected an object") }
        try scanner.expect(UInt8(ascii: "{"))
        if !scanner.take(UInt8(ascii: "}")) {
            repeat { try takeMember(&scanner, &draft) } while scanner.take(UInt8(ascii: ","))
            try scanner.expect(UInt8(ascii: "}"))
        }
        try scanner.expectEnd()
    }

    private func takeMember(
        _ scanner: inout JSONScanner, _ draft: inout Draft
    ) throws(JSONFault) {
        texts.reset()
        let name = try scanner.takeName(texts)
        guard let member = Member(name) else {
            draft.note("has a member that is not known: \(ShownText.of(name))")
            _ = try scanner.takeValue(depth: 1)
            return
        }
        draft.begin(member)
        switch member {
        case .request:
            let value = try scanner.takeValue(depth: 1)
            draft.number = Int(String(decoding: value, as: UTF8.self))
        case .id: _ = try scanner.takeValue(depth: 1)
        case .records:
            try takeElements(&scanner, of: member, &draft) { draft, value in
                draft.handled.add(json: value.bindMemory(to: UInt8.self))
            }
        case .follow:
            try takeElements(&scanner, of: member, &draft) { draft, value in
                draft.follow.append(value)
            }
        case .verdict: draft.verdict = try scanner.takeValue(depth: 1)
        }
    }

    private func takeElements(
        _ scanner: inout JSONScanner, of member: Member, _ draft: inout Draft,
        _ take: (inout Draft, UnsafeRawBufferPointer) -> Void
    ) throws(JSONFault) {
        let kind = try scanner.kind()
        guard kind == .array else {
            _ = try scanner.takeValue(depth: 1)
            return draft.note("has \(member) of type \(kind), and it must be array")
        }
        try scanner.expect(UInt8(ascii: "["))
        if scanner.take(UInt8(ascii: "]")) { return }
        repeat {
            take(&draft, try scanner.takeValue(depth: 2))
        } while scanner.take(
            UInt8(ascii: ","))
        try scanner.expect(UInt8(ascii: "]"))
    }

    private func handled(of draft: Draft) throws(HandlerAnswer.Fault) -> Handled {
        if let fault = draft.fault { throw .init(fault) }
        var handled = draft.handled
        if let value = draft.verdict {
            guard let verdict = verdict(of: value) else {
                throw .init(
                    "has a verdict that is none of \"done\", {\"retry_after\":SECONDS} and {\"failed\":\"REASON\"}"
                )
            }
            handled.verdict = verdict
        }
        handled.follow.reserveCapacity(draft.follow.count)
        for (index, value) in draft.follow.enumerated() {
            do throws(HandlerAnswer.Fault) {
                handled.follow.append(try request(of: value))
            } catch {
                throw .init("has a request to follow, number \(index + 1), that \(error)")
            }
        }
        return handled
    }

    // MARK: - Verdicts

    /// The longest time in seconds after which a job may be tried again.
    private static let retrySecondsMax = 366.0 * 86_400
    /// The most bytes of a reason.
    private static let reasonBytesMax = 500

    /// - Returns: `nil` for what is no verdict.
    private func verdict(of value: UnsafeRawBufferPointer) -> HandlerVerdict? {
        guard value.count <= Self.textBytesMax else { return nil }
        texts.reset(for: value.count)
        do throws(JSONFault) {
            var scanner = JSONScanner(value, scratch)
            if try scanner.kind() == .string {
                let text = try scanner.takeText(of: "verdict", texts)
                return text.elementsEqual("done".utf8) ? .done : nil
            }
            guard scanner.take(UInt8(ascii: "{")), scanner.peek() == UInt8(ascii: "\"") else {
                return nil
            }
            let name = String(decoding: try scanner.takeName(texts), as: UTF8.self)
            switch (name, try scanner.kind()) {
            case ("retry_after", .number):
                let text = String(decoding: try scanner.takeNumber(), as: UTF8.self)
                guard let seconds = Double(text), (0...Self.retrySecondsMax).contains(seconds),
                    scanner.take(UInt8(ascii: "}"))
                else { return nil }
                return .retry(after: .seconds(seconds))
            case ("failed", .string):
                let text = try scanner.takeText(of: name, texts)
                guard scanner.take(UInt8(ascii: "}")) else { return nil }
                return .failed(HandlerWords.text(of: text.prefix(Self.reasonBytesMax)))
            default: return nil
            }
        } catch {
            return nil
        }
    }

    // MARK: - Requests to follow

    private func request(
        of value: UnsafeRawBufferPointer
    ) throws(HandlerAnswer.Fault) -> FollowRequest {
        // Memory for a large one is not kept.
        defer { if value.count > Self.textBytesMax { requests = Self.makeRequests() } }
        let fields: ListFields
        do throws(JSONFault) {
            var scanner = JSONScanner(value, scratch)
            if try scanner.kind() == .string {
                guard value.count <= Self.textBytesMax else {
                    throw scanner.fault("a URL of more than \(Self.textBytesMax) bytes")
                }
                texts.reset(for: value.count)
                let url = try scanner.takeText(of: "url", texts)
                return FollowRequest(String(decoding: url, as: UTF8.self))
            }
            fields = try requests.read(value)
        } catch {
            throw .init(error.description)
        }
        return try Self.request(of: fields)
    }

    private static func request(
        of fields: ListFields
    ) throws(HandlerAnswer.Fault) -> FollowRequest {
        func text(_ column: JSONColumn) -> String? {
            fields.field(column.rawValue).map { String(decoding: $0, as: UTF8.self) }
        }
        var request = FollowRequest(text(.url) ?? "", key: text(.key))
        if let method = text(.method) {
            do throws(RequestTemplate.Malformed) {
                request.method = try HTTPMethod(parsing: method)
            } catch {
                throw .init("has a method that is none: \(error.description)")
            }
        }
        // A line each; of one without a value the name ends with a semicolon.
        let lines = fields.field(JSONColumn.headers.rawValue)?.split(separator: UInt8(ascii: "\n"))
        request.headers = (lines ?? []).map { line in
            let name = line.prefix { $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: ";") }
            return (
                String(decoding: name, as: UTF8.self),
                String(decoding: line.dropFirst(name.count + 2), as: UTF8.self)
            )
        }
        if fields.isJSONBody,
            !request.headers.contains(where: { HeaderTemplate.isSame($0.name, "Content-Type") })
        {
            request.headers.append(("Content-Type", "application/json"))
        }
        request.body = fields.field(JSONColumn.body.rawValue).map { Array($0) }
        request.meta = fields.field(JSONColumn.meta.rawValue).map { Array($0) }
        return request
    }
}
