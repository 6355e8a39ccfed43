internal import Glibc
internal import JobStore
internal import Links

/// The conditions of judging rules on answers, ready to be asked. Each event loop has its own:
/// glibc locks an expression while it is used.
final class AnswerConditions {
    /// The most bytes of a body, decoded, that conditions look at.
    static let bodyBytesMax = 64 << 10

    private let rules: JudgingRules
    private let failing: [Condition]
    private let retrying: [Condition]
    private let needsBodies: Bool
    /// Whether captured bodies are as they came, not decoded.
    private let isEncodingKept: Bool

    private enum Condition {
        case body(BytePattern)
        case type(String, isOther: Bool)
    }

    /// - Parameter isEncodingKept: Whether captured bodies are as they came, not decoded.
    /// - Returns: `nil` when the rules have no conditions on answers.
    init?(_ rules: JudgingRules, isEncodingKept: Bool) {
        guard rules.hasConditions else { return nil }
        self.rules = rules
        self.isEncodingKept = isEncodingKept
        failing = Self.conditions(rules, for: .fail)
        retrying = Self.conditions(rules, for: .retry)
        needsBodies = rules.needsBodies
    }

    private static func conditions(
        _ rules: JudgingRules, for verdict: JudgingRules.Verdict
    ) -> [Condition] {
        rules.conditions(for: verdict).compactMap { item in
            switch item {
            // The rules have compiled it once before.
            case .body(let text): (try? BytePattern(text)).map(Condition.body)
            case .type(let type, let isOther): .type(type, isOther: isOther)
            case .statuses, .reason, .network: nil
            }
        }
    }

    /// Returns the verdict of the conditions on a whole answer; `nil` when none applies.
    ///
    /// An answer that its status has tried again anyway is not asked which type it lacks: the 503 of
    /// a proxy in front of a JSON API is often a page of HTML, and no reason to give the job up.
    ///
    /// - Parameter capture: The answer's head and, where `rules.needsBodies`, the beginning of its
    ///   body.
    /// - Throws: `Errno` when the body cannot be read back from its temporary file.
    func verdict(on status: Int, _ capture: Capture) throws(Errno) -> JudgingRules.Verdict? {
        let text = needsBodies ? try text(of: capture) : []
        let type = try Self.mediaType(of: capture)
        let isRetried = rules.verdict(onStatus: status) == .retry
        let applies = { (condition: Condition) in
            switch condition {
            case .body(let pattern): text.withUnsafeBytes { pattern.matches($0) }
            case .type(let other, isOther: true): !isRetried && type != other
            case .type(let same, isOther: false): type == same
            }
        }
        if failing.contains(where: applies) { return .fail }
        return retrying.contains(where: applies) ? .retry : nil
    }

    // MARK: - The answer's parts

    /// The media type of the last Content-Type, in lower case and without parameters; empty when
    /// there is none.
    private static func mediaType(of capture: Capture) throws(Errno) -> String {
        var type = ""
        try capture.head.prefix(.max).withUnsafeBytes { head in
            for field in HeaderFields(head) where field.name.isASCII(equal: "content-type") {
                let bytes = field.value.prefix { $0 != UInt8(ascii: ";") }
                type = String(
                    decoding: UnsafeRawBufferPointer(rebasing: bytes).trimmed, as: UTF8.self
                )
                .lowercased()
            }
        }
        return type
    }

    /// The first `bodyBytesMax` bytes of the body, decoded as far as they can be.
    private func text(of capture: Capture) throws(Errno) -> [UInt8] {
        let bytes = try capture.body.prefix(Self.bodyBytesMax)
        guard isEncodingKept, let decoder = try Self.decoder(for: capture) else { return bytes }
        var decoded: [UInt8] = []
        bytes.withUnsafeBytes { bytes in
            // Broken, or cut by the bound: what came before it counts.
            _ = try? decoder.decode(bytes) { piece in
                decoded.append(
                    raw: UnsafeRawBufferPointer(
                        rebasing: piece.prefix(Self.bodyBytesMax - decoded.count)))
                return decoded.count < Self.bodyBytesMax
            }
        }
        return decoded
    }

    /// - Returns: `nil` when the body has no coding, or one that is unknown.
    private static func decoder(for capture: Capture) throws(Errno) -> ContentDecoder? {
        var codings: [ContentDecoder.Coding] = []
        try capture.head.prefix(.max).withUnsafeBytes { head in
            for field in HeaderFields(head) where field.name.isASCII(equal: "content-encoding") {
                codings += (try? ContentDecoder.codings(in: field.value)) ?? []
            }
        }
        return ContentDecoder.make(for: codings)
    }
}
