internal import JobStore

/// A number for the scheme, name and port of a host.
typealias LaneID = Int

/// A batch as a run needs it: its URL in pieces, ready to be written into a buffer.
final class RunningBatch: Sendable {
    let id: Batch.ID
    let firstID: Int
    let url: IDText
    /// The URL as part of a JSON string, in pieces.
    let jsonURL: IDText
    /// The path and query of the URL, when a job's ID stands in these alone and both may be sent as
    /// they are written; `nil` otherwise. With a target, the rest of the URL is parsed once for the
    /// whole batch.
    let target: Target?
    let isHTTPS: Bool
    /// Whether all jobs go to one host, so that connections that fail are the host's trouble.
    let hasOneHost: Bool
    /// The scheme, host and port as shown to people; for a batch of many hosts, those of its
    /// template.
    let host: String
    /// The lane that the batch's jobs wait in, the same for all batches of one host.
    let laneID: LaneID

    /// The parts of a URL that differ from job to job; a part that does not differ is `nil`.
    struct Target: Equatable {
        let path: IDText?
        let query: IDText?
    }

    init(_ batch: Batch) {
        id = batch.id
        let template: RequestTemplate
        switch batch.source {
        case .range(let range, let request): (firstID, template) = (range.first, request)
        }
        url = IDText(template.parts.map { Array($0.utf8) })
        jsonURL = IDText(
            template.parts.map { part in
                var escaped: [UInt8] = []
                escaped.append(json: part.utf8)
                return escaped
            })
        target = Self.target(template.parts.map { Array($0.utf8) })
        isHTTPS = template.url.lowercased().hasPrefix("https:")
        hasOneHost = template.hasOneHost
        host = template.origin
        var hasher = Hasher()
        hasher.combine(host)
        if !hasOneHost { hasher.combine(batch.id) }
        laneID = hasher.finalize()
    }

    /// Bytes that libcurl neither encodes, folds nor takes for the end of a part.
    private static let plain = Set("-._~!$&'()*+,;=:@/".utf8)

    private static func target(_ parts: [[UInt8]]) -> Target? {
        let (slash, question) = (UInt8(ascii: "/"), UInt8(ascii: "?"))
        guard let first = parts.first,
            let colon = first.firstIndex(of: UInt8(ascii: ":")),
            let start = first[(colon + 3)...].firstIndex(where: { $0 == slash || $0 == question }),
            first[start] == slash
        else { return nil }
        var path: [[UInt8]] = []
        var query: [[UInt8]] = []
        for (index, part) in parts.enumerated() {
            let bytes = index == 0 ? part[start...] : part[...]
            if !query.isEmpty {
                query.append(Array(bytes))
            } else if let mark = bytes.firstIndex(of: question) {
                path.append(Array(bytes[..<mark]))
                query.append(Array(bytes[(mark + 1)...]))
            } else {
                path.append(Array(bytes))
            }
        }
        let isPlain = (path + query).joined().allSatisfy {
            plain.contains($0) || $0 == question || $0.isLetterOrDigit
        }
        // A segment of dots is resolved when a URL is parsed, not when a path is set.
        let hasDots = path.contains { part in
            zip(part, part.dropFirst()).contains { $0 == slash && $1 == UInt8(ascii: ".") }
        }
        guard isPlain, !hasDots else { return nil }
        return Target(
            path: path.count > 1 ? IDText(path) : nil, query: query.count > 1 ? IDText(query) : nil)
    }
}

/// A text with a job's ID in it, in UTF-8: the same pieces for every job, the ID between them.
struct IDText: Sendable, Equatable {
    private let bytes: [UInt8]
    /// The offsets in `bytes` where the ID belongs, in order.
    private let places: [Int]

    /// - Parameter parts: The pieces before, between and after the ID; one or more.
    init(_ parts: [[UInt8]]) {
        bytes = Array(parts.joined())
        var end = 0
        places = parts.dropLast().map { part in
            end += part.count
            return end
        }
    }

    /// The bytes that the longest text needs, its closing NUL included.
    var capacity: Int { bytes.count + places.count * Self.longestID + 1 }
    /// The number of digits of `UInt64.max`.
    private static let longestID = 20

    /// Writes the text of one ID, closed by a NUL.
    ///
    /// - Precondition: `buffer` holds `capacity` bytes; `id` is 0 or more.
    func write(_ id: Int, to buffer: UnsafeMutableBufferPointer<CChar>) {
        precondition(buffer.count >= capacity && id >= 0)
        bytes.withUnsafeBytes { bytes in
            var rest = UnsafeMutableRawBufferPointer(buffer)
            func append(_ piece: Range<Int>) {
                rest.copyMemory(from: .init(rebasing: bytes[piece]))
                rest = .init(rebasing: rest[piece.count...])
            }
            var start = 0
            for place in places {
                append(start..<place)
                rest = .init(rebasing: rest[Self.write(id, to: rest)...])
                start = place
            }
            append(start..<bytes.count)
            rest[0] = 0
        }
    }

    /// Appends the text of one ID.
    func append(_ id: Int, to text: inout [UInt8]) {
        var start = 0
        for place in places {
            text.append(contentsOf: bytes[start..<place])
            text.append(decimal: id)
            start = place
        }
        text.append(contentsOf: bytes[start...])
    }

    /// - Returns: The number of digits.
    private static func write(_ id: Int, to buffer: UnsafeMutableRawBufferPointer) -> Int {
        var count = 1
        var rest = id / 10
        while rest > 0 {
            count += 1
            rest /= 10
        }
        rest = id
        for index in stride(from: count - 1, through: 0, by: -1) {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            buffer[index] = UInt8(ascii: "0") + UInt8(digit)
            rest = quotient
        }
        return count
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
