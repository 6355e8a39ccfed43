import Links
import Runner
import TestSupport

/// What a reader finds in a page.
struct Reading: Equatable {
    var links: [FoundLink] = []
    var page = PageLinks()

    /// The URLs, with what the page says of each behind it.
    var short: [String] {
        links.map { $0.url + ($0.isNext ? " next" : "") + ($0.isNofollow ? " nofollow" : "") }
    }
}

let pageURL = "http://h.test/dir/page?q=1"

func reading(
    _ page: some Collection<UInt8>, at url: String = pageURL, contentType: String? = nil,
    bounds: LinkBounds = LinkBounds(), cuts: [Int] = []
) -> Reading {
    let reader = LinkReader(url: url, contentType: contentType, bounds: bounds, by: ParsedURL())
    Array(page).withUnsafeBytes { bytes in
        var begin = 0
        for end in cuts + [bytes.count] {
            reader.feed(UnsafeRawBufferPointer(rebasing: bytes[begin..<end]))
            begin = end
        }
    }
    var reading = Reading()
    reading.page = reader.finish { reading.links.append($0) }
    return reading
}

func reading(_ page: String, at url: String = pageURL, contentType: String? = nil) -> Reading {
    reading(Array(page.utf8), at: url, contentType: contentType)
}

/// The addresses of links of a page, as they are behind `http://h.test/`, resolved at its root.
func links(_ page: String) -> [String] {
    reading(page, at: "http://h.test/").short.map {
        $0.hasPrefix("http://h.test/") ? String($0.dropFirst(14)) : $0
    }
}
