/// A link that a page has.
public struct FoundLink: Hashable, Sendable {
    /// The absolute URL, without a fragment, all of it printable ASCII. Not in normal form.
    public let url: String
    /// Whether it leads to the next of a series of pages (`rel=next`).
    public let isNext: Bool
    /// Whether the page asks not to follow it: by the link's own `rel=nofollow`, or for all of
    /// its links.
    public let isNofollow: Bool

    public init(url: String, isNext: Bool = false, isNofollow: Bool = false) {
        self.url = url
        self.isNext = isNext
        self.isNofollow = isNofollow
    }
}

/// The bounds of what is taken from one page.
public struct LinkBounds: Sendable {
    /// The most different links.
    public var linksMax: Int
    /// The most bytes of all of them, as the page writes them.
    public var textBytesMax: Int

    public init(linksMax: Int = 100_000, textBytesMax: Int = 8 << 20) {
        precondition(linksMax >= 0 && textBytesMax >= 0, "there is no negative number of links")
        self.linksMax = linksMax
        self.textBytesMax = textBytesMax
    }
}

/// All that a page says of where to go on, but for the links themselves.
public struct PageLinks: Hashable, Sendable {
    /// The URL by which the page wants to be known (`link rel=canonical`); `nil` without one.
    public internal(set) var canonical: String?
    /// Whether the page asks to follow none of its links.
    public internal(set) var isNofollow = false
    /// The number of links handed out.
    public internal(set) var links = 0
    /// The number of links that were there already, spelled the same or otherwise.
    public internal(set) var duplicates = 0
    /// The number of links to another scheme than HTTP and HTTPS.
    public internal(set) var otherSchemes = 0
    /// The number of links that are no URL, or are longer than 64 KB.
    public internal(set) var invalid = 0
    /// The number of links that were left out once the page had as many as its bounds allow.
    public internal(set) var cutOff = 0

    public init() {}
}
