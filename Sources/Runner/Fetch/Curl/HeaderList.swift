internal import CCurl
internal import JobStore

/// The header fields of requests with one content, in libcurl's own form.
final class HeaderList {
    /// The value for `CURLOPT_HTTPHEADER`; libcurl reads it until the transfer ends.
    let list: UnsafeMutablePointer<curl_slist>?
    /// The value for `CURLOPT_COOKIE`: given so, libcurl joins it with cookies that a redirect has
    /// set. `nil` when the content has no cookies.
    let cookie: [UInt8]?

    init(_ content: RequestContent) {
        var list: UnsafeMutablePointer<curl_slist>?
        var cookies: [[UInt8]] = []
        func append(_ line: [UInt8]) {
            line.withUnsafeBufferPointer { line in
                line.withMemoryRebound(to: CChar.self) {
                    list = curl_slist_append(list, $0.baseAddress)
                }
            }
        }
        for field in content.fields {
            if HeaderTemplate.isSame(field.name, "Cookie") {
                if let value = field.value { cookies.append(value) }
                continue
            }
            // > If you add a header with no content as in 'Accept:', the internally used header is
            // > disabled. […] to send one with no content, terminate it with a semicolon.
            // <https://curl.se/libcurl/c/CURLOPT_HTTPHEADER.html>
            switch field.value {
            case nil: append(Array("\(field.name):".utf8) + [0])
            case []: append(Array("\(field.name);".utf8) + [0])
            case let value?: append(Array("\(field.name): ".utf8) + value + [0])
            }
        }
        if content.sendsBody {
            // A form is what libcurl takes each body for, and it would wait for a 100 (Continue)
            // before a large one.
            if content.value(of: "Content-Type") == nil {
                append(Array("Content-Type:".utf8) + [0])
            }
            append(Array("Expect:".utf8) + [0])
        }
        self.list = list
        cookie = cookies.isEmpty ? nil : Array(cookies.joined(separator: "; ".utf8)) + [0]
    }

    deinit { curl_slist_free_all(list) }
}

extension RequestContent {
    /// Whether the request says how long its body is, also where it has none: "A user agent SHOULD
    /// send Content-Length in a request when the method defines a meaning for enclosed content"
    /// (RFC 9110, 8.6).
    var sendsBody: Bool { body != nil || [.post, .put, .patch].contains(method) }
}
