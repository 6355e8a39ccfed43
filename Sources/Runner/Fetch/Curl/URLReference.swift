internal import CCurl

/// Resolves references to URLs by libcurl, as a browser would.
struct URLReference: ~Copyable {
    private let handle: OpaquePointer

    init() {
        guard let handle = curl_url() else {
            fatalError("libcurl gave no URL handle: out of memory")
        }
        self.handle = handle
    }

    deinit { curl_url_cleanup(handle) }

    /// Returns the URL that a reference on a page means, with blanks and the like encoded and without
    /// its fragment; `nil` when it is none of HTTP.
    ///
    /// - Parameter base: The URL of the page.
    mutating func resolve(_ reference: [UInt8], on base: [UInt8]) -> [UInt8]? {
        let flags = UInt32(CURLU_URLENCODE | CURLU_ALLOW_SPACE)
        guard set(CURLUPART_URL, base, flags), set(CURLUPART_URL, reference, flags),
            curl_url_set(handle, CURLUPART_FRAGMENT, nil, 0) == CURLUE_OK
        else { return nil }
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, CURLUPART_URL, &text, 0) == CURLUE_OK, let text else {
            return nil
        }
        defer { curl_free(text) }
        let url = Array(String(cString: text).utf8)
        return url.starts(with: "http://".utf8) || url.starts(with: "https://".utf8) ? url : nil
    }

    private func set(_ part: CURLUPart, _ text: [UInt8], _ flags: UInt32) -> Bool {
        if text.contains(0) { return false }
        return (text + [0]).withUnsafeBytes {
            curl_url_set(handle, part, $0.bindMemory(to: CChar.self).baseAddress, flags)
                == CURLUE_OK
        }
    }
}
