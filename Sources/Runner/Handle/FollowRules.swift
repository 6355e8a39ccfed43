public import JobStore
public import Links

/// The places in responses that name requests to follow.
public struct FollowRules: Sendable {
    /// A value in a JSON body.
    public struct Place: Sendable {
        /// The values: strings and numbers.
        public let pointer: JSONPointer
        /// The URL that a value is put into, with `{}` for it; `nil` where the value is the URL.
        public let template: RequestTemplate?

        /// - Parameter url: A URL with `{}`; `nil` where the values are URLs.
        /// - Throws: `JSONPointerFault`, or `RequestTemplate.Malformed`.
        public init(_ pointer: String, url: String? = nil) throws {
            self.pointer = try JSONPointer(pointer)
            template = try url.map { try RequestTemplate(parsing: $0, fields: ["value"]) }
        }
    }

    /// Whether to follow the links of pages of HTML.
    public var links = false
    /// Whether to follow the addresses in sitemaps, and in indexes of them.
    public var sitemaps = false
    /// Whether to follow the header field `Link` with `rel="next"`.
    public var nextLink = false
    /// The name by which the header field `X-Robots-Tag` speaks of the crawler, in either case.
    public var agent = RobotsOptions().agent
    public var places: [Place] = []

    public init() {}

    /// Whether nothing names requests.
    public var isEmpty: Bool { !links && !sitemaps && !nextLink && places.isEmpty }
}

/// Finds the requests that responses name by rules, beside what another handler makes of them.
public struct FollowingHandler: ResponseHandler {
    private let rules: FollowRules
    private let inner: (any ResponseHandler)?
    private let followsInner: Bool
    public let concurrency: Int
    public let timeLimit: Duration

    /// - Parameters:
    ///   - inner: Handles each response, too; `nil` for none.
    ///   - followsInner: Whether the requests that it names are followed, too. Otherwise one that names
    ///     any ends the run.
    ///   - cores: The responses that are looked at at a time where there is no other handler.
    public init(
        _ rules: FollowRules, beside inner: (any ResponseHandler)? = nil, followsInner: Bool = true,
        cores: Int = 2
    ) {
        self.followsInner = followsInner
        self.rules = rules
        self.inner = inner
        concurrency = inner?.concurrency ?? cores
        timeLimit = inner?.timeLimit ?? .seconds(60)
    }

    /// A response that has nothing that the rules look at is told apart by its fields.
    public func handledAtOnce(_ record: Record) -> Handled? {
        guard inner == nil, record.capture.isInMemory else { return nil }
        let page = PageView(record)
        let isOfInterest =
            rules.nextLink && page.has("link") || rules.links && page.isHTML
            || rules.sitemaps && page.mayBeSitemap || !rules.places.isEmpty && page.mayBeJSON
        if isOfInterest { return nil }
        var handled = Handled()
        handled.makesRecords = false
        return handled
    }

    public func handle(_ record: Record) async throws -> Handled {
        var handled = try await inner?.handle(record) ?? Handled()
        handled.makesRecords = inner != nil
        if !followsInner, !handled.follow.isEmpty { throw HandlerChecks.unfollowed(record) }
        guard case .done = handled.verdict else { return handled }
        let page = PageView(record)
        if rules.nextLink { addNextLinks(of: page, to: &handled) }
        if rules.links, page.isHTML { try addLinks(of: page, to: &handled) }
        if rules.sitemaps, page.mayBeSitemap { try addSitemap(of: page, to: &handled) }
        if !rules.places.isEmpty, page.isJSON {
            for place in rules.places { try add(place, of: page, to: &handled) }
        }
        return handled
    }

    public func close() async { await inner?.close() }

    private func addNextLinks(of page: PageView, to handled: inout Handled) {
        for url in LinkField.targets(
            of: "next", in: page.values(of: "link"), url: page.url, by: ParsedURL())
        {
            handled.follow.append(FollowRequest(url))
        }
    }

    private func addLinks(of page: PageView, to handled: inout Handled) throws {
        let reader = LinkReader(
            url: page.url, contentType: page.contentType, by: ParsedURL())
        try page.record.capture.body.forEachPiece(of: page.record) { reader.feed($0) }
        var (links, nofollow): ([FoundLink], Int) = ([], 0)
        let rest = reader.finish { links.append($0) }
        let isClosed = page.values(of: "x-robots-tag").contains {
            RobotsTagField.forbidsLinks($0, to: rules.agent)
        }
        for link in links {
            if isClosed || link.isNofollow {
                nofollow += 1
            } else {
                handled.follow.append(.init(link.url))
            }
        }
        if let canonical = rest.canonical, !isClosed, !rest.isNofollow {
            handled.follow.append(.init(canonical))
        }
        handled.nofollow += nofollow
        handled.unread += rest.cutOff
    }

    private func addSitemap(of page: PageView, to handled: inout Handled) throws {
        let body = try page.record.capture.body.whole(of: page.record)
        guard let sitemap = SitemapLinks(in: body, url: page.url) else { return }
        handled.follow += sitemap.urls.map { FollowRequest($0) }
        handled.malformed += sitemap.malformed
        handled.unread += sitemap.unread
    }

    private func add(
        _ place: FollowRules.Place, of page: PageView, to handled: inout Handled
    ) throws {
        var values: [String] = []
        let body = try page.record.capture.body.whole(of: page.record)
        do throws(JSONBodyFault) {
            var cutOff = 0
            try body.withRawBytes { bytes throws(JSONBodyFault) in
                cutOff = try place.pointer.find(in: bytes) { values.append($0.text) }.cutOff
            }
            handled.unread += cutOff
        } catch {
            throw HandlerError("the body \(error.description)")
        }
        for value in values where !value.isEmpty {
            guard let template = place.template else {
                handled.follow.append(FollowRequest(value))
                continue
            }
            let list = JobList(count: 1, request: template, fields: LineFields(["value"]))
            let url = list.url(of: [Array(value.utf8)[...]], at: 0)
            handled.follow.append(FollowRequest(String(decoding: url, as: UTF8.self)))
        }
    }
}
