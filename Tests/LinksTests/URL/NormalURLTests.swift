import TestSupport
import Testing

@testable import Links

@Suite struct NormalURLTests {
    private func normal(_ url: String) -> String {
        let room = [UInt8](unsafeUninitializedCapacity: url.utf8.count + 1) { text, count in
            count = Array(url.utf8).withUnsafeBytes {
                NormalURL.write($0, to: UnsafeMutableRawBufferPointer(text))
            }
        }
        return String(decoding: room, as: UTF8.self)
    }

    @Test(arguments: [
        ("http://h/", "http://h/"), ("HTTP://Example.COM", "http://example.com/"),
        ("httpS://h?x", "https://h/?x"), ("http://h#x", "http://h/"),
        ("http://h/a?b#c?d", "http://h/a?b"), ("http://h/?", "http://h/?"),
        // Ports.
        ("http://h:80/", "http://h/"), ("https://h:443", "https://h/"), ("http://h:/", "http://h/"),
        ("http://h:443/", "http://h:443/"), ("https://h:80/", "https://h:80/"),
        ("http://h:0080/", "http://h/"), ("http://h:08080/", "http://h:8080/"),
        ("http://h:800/", "http://h:800/"),
        // User names.
        ("http://User:P%41ss@H/", "http://User:PAss@h/"),
        ("http://a:b:80@h:80/", "http://a:b:80@h/"),
        ("http://u%3a@h/", "http://u%3A@h/"),
        // Addresses.
        ("http://[::FFFF]:80/", "http://[::ffff]/"),
        ("http://[FE80::1%25Eth0]/", "http://[fe80::1%25Eth0]/"),
        ("http://[::1]:8080?", "http://[::1]:8080/?"), ("http://127.0.0.1:80", "http://127.0.0.1/"),
        // Encoded bytes.
        ("http://h/%7e%41%2D%2e_%5F", "http://h/~A-.__"),
        ("http://h/%c3%bc?%2f%3D", "http://h/%C3%BC?%2F%3D"), ("http://h/ü", "http://h/ü"),
        ("http://h/%", "http://h/%"), ("http://h/%4", "http://h/%4"),
        ("http://h/%4g", "http://h/%4g"),
        ("http://h/%%41", "http://h/%A"), ("http://h/%2541", "http://h/%2541"),
        ("http://h%45x/", "http://hex/"), ("http://h%c3%bc/", "http://h%C3%BC/"),
        ("http://h/a?%7E#%7e", "http://h/a?~"), ("http://h/?a=%20+b", "http://h/?a=%20+b"),
        // Dots, as in RFC 3986, 5.4.
        ("http://h/a/b/c/./../../g", "http://h/a/g"), ("http://h/./", "http://h/"),
        ("http://h/.", "http://h/"), ("http://h/..", "http://h/"),
        ("http://h/../../g", "http://h/g"),
        ("http://h/a/..", "http://h/"), ("http://h/a/b/..", "http://h/a/"),
        ("http://h/a/b/.", "http://h/a/b/"),
        ("http://h/a/.../b", "http://h/a/.../b"), ("http://h/.a/..b/c.", "http://h/.a/..b/c."),
        ("http://h/a/%2E%2e/b", "http://h/b"), ("http://h//a//../b", "http://h//a/b"),
        ("http://h/a?b/../c", "http://h/a?b/../c"), ("http://h/%2F../x", "http://h/%2F../x"),
        ("http://h//..", "http://h/"), ("http://.h/a", "http://.h/a"),
        // Case counts elsewhere, and no URL is left as it is.
        ("http://h/A?B", "http://h/A?B"), ("", ""), ("no URL", "no URL"), ("a:/", "a:/"),
        ("http://", "http:///"),
    ])
    func urls_haveOneForm(url: String, form: String) {
        #expect(normal(url) == form)
        #expect(normal(form) == form, "a normal form is its own")
    }

    /// Written in another way, a URL has the same form; and no URL a form that is too long.
    @Test func variants_haveTheFormOfTheirURL() {
        var random = SeededGenerator(seed: testSeed(for: "variants_haveTheFormOfTheirURL"))
        let pieces = Array("abcXYZ019-._~/?:@%=&+,;!$'()*[]{}ü".unicodeScalars)
        for _ in 0..<3000 {
            let path = (0..<Int.random(in: 0...30, using: &random)).map { _ in
                String(pieces.randomElement(using: &random)!)
            }.joined()
            let url = "http://host.example/" + path
            let form = normal(url)
            #expect(normal(form) == form, "\(url)")
            var variant = "hTTp://HOST.%65xample:080/"
            if Bool.random(using: &random) { variant += "../" }
            var isInQuery = false
            for scalar in path.unicodeScalars {
                isInQuery = isInQuery || scalar == "?"
                if !isInQuery, scalar == "/", Bool.random(using: &random) { variant += "/." }
                let isPlain =
                    scalar.value < 128 && (scalar.properties.isAlphabetic || scalar == "~")
                // Behind a % a digit would be part of it.
                if isPlain, !path.contains("%"), Bool.random(using: &random) {
                    variant +=
                        "%" + String(scalar.value, radix: 16, uppercase: .random(using: &random))
                } else {
                    variant.unicodeScalars.append(scalar)
                }
            }
            if Bool.random(using: &random) { variant += "#x" }
            #expect(normal(variant) == form, "\(variant) of \(url)")
        }
    }
}
