internal import CCurl

/// The version of libcurl that a program runs with, which need not be the one it was built with.
public struct CurlVersion: Sendable, CustomStringConvertible {
    /// The number as 0xMMmmpp: major, minor, patch.
    let number: UInt32
    let text: String
    /// The TLS library with its version; `nil` when there is none, and https cannot be fetched.
    let tlsLibrary: String?
    /// The features it was built with, as bits `CURL_VERSION_…`.
    let features: Int32

    init(number: UInt32, text: String, tlsLibrary: String?, features: Int32 = .max) {
        self.number = number
        self.text = text
        self.tlsLibrary = tlsLibrary
        self.features = features
    }

    /// The version of libcurl that this process has loaded.
    public static var loaded: CurlVersion {
        guard let version = curl_version_info(CURLVERSION_FIRST)?.pointee else {
            preconditionFailure("curl_version_info always returns its static struct")
        }
        return CurlVersion(
            number: version.version_num, text: String(cString: version.version),
            tlsLibrary: version.ssl_version.map { String(cString: $0) },
            features: version.features)
    }

    /// Text such as `libcurl 7.88.1 (OpenSSL/3.0.19)`.
    public var description: String { "libcurl \(text) (\(tlsLibrary ?? "without TLS"))" }

    /// Features that this libcurl was built without, each with its consequence, a line each. Codings
    /// of bodies are not among them: they are decoded by other libraries.
    public var lacks: [String] {
        Self.wanted.filter { features & $0.bit == 0 }.map(\.without)
    }

    private static let wanted: [(bit: Int32, without: String)] = [
        (CURL_VERSION_SSL, "TLS: no https:// URL can be fetched"),
        (CURL_VERSION_HTTP2, "HTTP/2: all requests go by HTTP/1.1"),
        (CURL_VERSION_IPV6, "IPv6: hosts with such addresses alone are out of reach"),
        (CURL_VERSION_HTTPS_PROXY, "HTTPS proxies: proxies go by HTTP and SOCKS alone"),
        (CURL_VERSION_IDN, "international host names: give those in ASCII (xn--...)"),
    ]

    /// Whether a header line that begins with a blank, but has no line to continue, can corrupt
    /// memory (`ResponseHead.Refusal`). This is so from 7.83.0, which brought the headers API,
    /// until 8.1.0, which cured it.
    static let joinsFirstField = firstFieldFault.contains(loaded.number)
    // `state.prevhead` outlives its request: cured by commit cd1c611b24 of 8.1.0.
    private static let firstFieldFault: Range<UInt32> = 0x075300..<0x080100

    /// Whether libcurl takes bytes behind a response for the answer to the next request on the
    /// connection, without TLS.
    static let answersWithExcess = excessFault.contains(loaded.number)
    // Cured by commit 7c5637b8b4 of 8.0.0, which uses no connection again whose socket has
    // something to read. What OpenSSL has read of it is not looked at, up to 8.22 at least.
    private static let excessFault: Range<UInt32> = 0..<0x080000
    private static let tlsExcessFault: Range<UInt32> = 0x080000..<0x081700

    /// Whether libcurl hands over as much of a head by HTTP/2 as its buffer takes, and forgets the
    /// rest. This is so before 8.1.0, whose HTTP/2 has buffers of its own.
    static let holdsHeadsBack = loaded.number < 0x080100

    /// Whether libcurl keeps what it knows of a host, some 140 bytes, after the host's last connection
    /// was closed to make room for another, and looks through all of that with each request.
    static let keepsHosts = loaded.number < 0x080a00  // cured by commit 1be704e17e of 8.10.0

    // `http.c` marks all connections of a host as HTTP/2's by what a reply says: until 8.10.0.
    private static let sharingFault: Range<UInt32> = 0..<0x080a00

    /// Faults of this version that a server can reach, a line each. A distribution may have cured a
    /// fault without another version number.
    public var knownFaults: [String] {
        let isGuarded = tlsLibrary?.hasPrefix("OpenSSL/") ?? true
        return Self.faults.filter { $0.versions.contains(number) }.map {
            !$0.isByHTTPS || isGuarded ? "\($0.what) (guarded against)" : $0.what
        }
    }

    // Those by HTTPS are guarded against where the TLS library is OpenSSL.
    private static let faults: [(versions: Range<UInt32>, isByHTTPS: Bool, what: String)] = [
        (
            firstFieldFault, false,
            "a response whose first header line begins with a blank corrupts memory"
        ),
        (
            excessFault, false,
            "what stands behind a response answers the next request on its connection"
        ),
        (
            tlsExcessFault, true,
            "by HTTPS, what stands behind a response answers the next request"
        ),
        (
            sharingFault, true,
            "a reply that lies about being one by HTTP/2 mixes up its host's replies"
        ),
    ]
}
