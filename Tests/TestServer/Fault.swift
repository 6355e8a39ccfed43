import NIOCore

/// A way to answer that no correct server would choose.
enum Fault {
    case slowHeaders(interval: TimeAmount)
    case slowBody(interval: TimeAmount, bytes: Int)
    case endless
    case endlessHeaders
    case cutBody
    case cutChunked
    case longLength
    case shortLength
    case twoLengths
    case negativeLength
    case badChunk
    case badStatusLine
    case nulHeader
    case badGzip
    case reset(ResetStage)
    case close
    case closeIdle
    case silent
    case escape
    case bigHeader(kilobytes: Int)

    enum ResetStage: String {
        case request, status, headers, body
    }

    init?(name: String, values: [String]) {
        switch (name, values.count) {
        case ("slow-headers", 1):
            guard let interval = PathValue.milliseconds(values[0]) else { return nil }
            self = .slowHeaders(interval: interval)
        case ("slow-body", 2):
            guard let interval = PathValue.milliseconds(values[0]),
                let bytes = PathValue.bytes(values[1])
            else { return nil }
            self = .slowBody(interval: interval, bytes: bytes)
        case ("reset", 1):
            guard let stage = ResetStage(rawValue: values[0]) else { return nil }
            self = .reset(stage)
        case ("big-header", 1):
            // A kilobyte is 1,024 bytes, and all of them together a length like any other.
            guard let kilobytes = PathValue.bytes(values[0]), kilobytes <= 1 << 30 else {
                return nil
            }
            self = .bigHeader(kilobytes: kilobytes)
        case (_, 0):
            guard let fault = Self.withoutValues[name] else { return nil }
            self = fault
        default:
            return nil
        }
    }

    private static let withoutValues: [String: Fault] = [
        "endless": .endless, "endless-headers": .endlessHeaders, "cut-body": .cutBody,
        "cut-chunked": .cutChunked, "long-length": .longLength, "short-length": .shortLength,
        "two-lengths": .twoLengths, "negative-length": .negativeLength, "bad-chunk": .badChunk,
        "bad-status-line": .badStatusLine, "nul-header": .nulHeader, "bad-gzip": .badGzip,
        "close": .close, "close-idle": .closeIdle, "silent": .silent, "escape": .escape,
    ]
}
