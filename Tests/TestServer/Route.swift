import NIOCore

/// What a path asks for, but for the ID at its end.
enum Route {
    /// `/{id}`, answered as the origin's `Behaviour` says.
    case plain
    case status(Int)
    case delay(TimeAmount)
    /// `status` until the hit numbered `hits` of the ID, then 200; the other `until`s alike.
    case flaky(until: Int, status: Int)
    case flakyReset(until: Int)
    case retryAfter(value: String, until: Int, status: Int)
    case body(bytes: Int, isChunked: Bool)
    case gzip(bytes: Int)
    /// A body that only this ID has, after a pause.
    case mixed(TimeAmount)
    /// A body of these bytes.
    case bytes([UInt8])
    /// A page of HTML with links to others.
    case site(SitePage)
    /// A page of a list that names the next one.
    case cursors(CursorPage)
    /// A resource with validators, asked for by conditions or without.
    case versioned(Versioned)
    /// Header fields that are hard to keep.
    case oddFields
    /// A head of so many bytes.
    case largeHead(LargeHead.Kind, bytes: Int)
    /// A name the server would like the body to be saved under.
    case attachment([UInt8])
    case redirect(hops: Int)
    case redirectLoop
    case redirectTo(url: String)
    /// To `url` from the ID `first` on; answered as any other before.
    case redirectFrom(first: Int, url: String)
    case fault(Fault)
    case control(Control)
    case unknown
    /// No path at all: the request could not be understood.
    case malformed

    /// Whether a request for this is a hit of its ID.
    ///
    /// Of a chain of redirects only the last request is, so that a job that was followed to its end
    /// counts as one hit.
    var countsHit: Bool {
        switch self {
        case .redirect(let hops): hops == 0
        case .redirectLoop, .control, .malformed: false
        default: true
        }
    }

    /// Whether a request for this is in flight until it is answered.
    var isInFlight: Bool {
        switch self {
        case .control, .malformed: false
        default: true
        }
    }
}

/// The route and ID that a request's target names.
struct Target {
    var route: Route
    /// The last component of the path, when that is a decimal number.
    var id: Int?
}

extension Target {
    /// Reads the path of a request line; what no route matches is `.unknown`.
    init(_ target: Span<UInt8>) {
        if target[0] == ASCII.slash, let id = decimal(target.extracting(1..<target.count)) {
            self.init(route: .plain, id: id)
            return
        }
        let text = target.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        let path = text.prefix { $0 != "?" }
        let words = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard words.count > 1, words[0].isEmpty, let last = words.last else {
            self.init(route: .unknown, id: nil)
            return
        }
        let id = decimal(last.utf8.span)
        if words[1] == "_" {
            self.init(route: Control(words.dropFirst(2)).map(Route.control) ?? .unknown, id: nil)
        } else if id == nil {
            self.init(route: .unknown, id: nil)
        } else if words.count == 2 {
            self.init(route: .plain, id: id)
        } else {
            let values = Array(words[2..<(words.count - 1)])
            self.init(route: Route(name: words[1], values: values) ?? .unknown, id: id)
        }
    }
}

extension Route {
    /// The route `/name/values.../{id}`; nil when there is none or a value is out of bounds.
    fileprivate init?(name: String, values: [String]) {
        switch (name, values.count) {
        case ("status", 1):
            guard let status = PathValue.status(values[0]) else { return nil }
            self = .status(status)
        case ("delay", 1):
            guard let delay = PathValue.milliseconds(values[0]) else { return nil }
            self = .delay(delay)
        case ("flaky", 2):
            guard let until = PathValue.count(values[0]), let status = PathValue.status(values[1])
            else { return nil }
            self = .flaky(until: until, status: status)
        case ("flaky-reset", 1):
            guard let until = PathValue.count(values[0]) else { return nil }
            self = .flakyReset(until: until)
        case ("retry-after", 3):
            guard let until = PathValue.count(values[1]), let status = PathValue.status(values[2])
            else { return nil }
            self = .retryAfter(value: percentDecoded(values[0]), until: until, status: status)
        case ("body", 1), ("chunked", 1):
            guard let bytes = PathValue.bytes(values[0]) else { return nil }
            self = .body(bytes: bytes, isChunked: name == "chunked")
        case ("gzip", 1):
            guard let bytes = PathValue.bytes(values[0]) else { return nil }
            self = .gzip(bytes: bytes)
        case ("mixed", 0):
            self = .mixed(.zero)
        case ("mixed", 1):
            guard let pause = PathValue.milliseconds(values[0]) else { return nil }
            self = .mixed(pause)
        case ("bytes", 1):
            self = .bytes(percentDecodedBytes(values[0]))
        case ("site", 1):
            guard let page = SitePage(values[0]) else { return nil }
            self = .site(page)
        case ("cursors", 1):
            guard let page = CursorPage(values[0]) else { return nil }
            self = .cursors(page)
        case ("versioned", 1):
            guard let versioned = Versioned(rawValue: values[0]) else { return nil }
            self = .versioned(versioned)
        case ("odd-fields", 0):
            self = .oddFields
        case ("large-head", 2):
            guard let kind = LargeHead.Kind(rawValue: values[0]),
                let bytes = PathValue.bytes(values[1]), bytes <= LargeHead.bytesMax
            else { return nil }
            self = .largeHead(kind, bytes: bytes)
        case ("attachment", 1):
            self = .attachment(percentDecodedBytes(values[0]))
        case ("redirect", 1):
            guard let hops = PathValue.count(values[0]) else { return nil }
            self = .redirect(hops: hops)
        case ("redirect-loop", 0):
            self = .redirectLoop
        case ("redirect-to", 1):
            self = .redirectTo(url: percentDecoded(values[0]))
        case ("redirect-from", 2):
            guard let first = PathValue.count(values[0]) else { return nil }
            self = .redirectFrom(first: first, url: percentDecoded(values[1]))
        default:
            guard let fault = Fault(name: name, values: values) else { return nil }
            self = .fault(fault)
        }
    }
}

/// Reads the values in a path, within bounds that keep all arithmetic on them from overflowing.
enum PathValue {
    static func status(_ text: String) -> Int? {
        number(text, atMost: 999).flatMap { $0 >= 100 ? $0 : nil }
    }

    /// At most a day.
    static func milliseconds(_ text: String) -> TimeAmount? {
        number(text, atMost: 86_400_000).map { .milliseconds(Int64($0)) }
    }

    /// At most a tebibyte.
    static func bytes(_ text: String) -> Int? {
        number(text, atMost: 1 << 40)
    }

    static func count(_ text: String) -> Int? {
        number(text, atMost: .max)
    }

    private static func number(_ text: String, atMost limit: Int) -> Int? {
        decimal(text.utf8.span).flatMap { $0 <= limit ? $0 : nil }
    }
}
