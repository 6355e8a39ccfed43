internal import NIOCore
internal import NIOHTTP1

/// Answers the requests of a connection, one after another.
///
/// Holds: `@unchecked`, since all of it is touched on the channel's event loop alone.
final class RequestHandler: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// The thing that the connection does.
    private enum Phase {
        /// A request has not come whole since the time given.
        case reading(since: NIODeadline)
        /// People have asked for something that takes its time.
        case performing
        /// An answer is on its way.
        case answering(since: NIODeadline)
        case streaming(queue: Int, sent: [Int], at: NIODeadline)
    }

    /// The time in which a request must come whole, and an answer be taken.
    private static let requestTimeMax = TimeAmount.seconds(30)
    /// The time for which a reader may take nothing.
    private static let stallMax = TimeAmount.seconds(30)
    /// The time after which a stream says that it lives, so that its end is noticed.
    private static let silenceMax = TimeAmount.seconds(15)

    private let connections: Connections
    private let headGuard: HeadGuard
    private var context: ChannelHandlerContext?
    private var phase = Phase.reading(since: .now())
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    /// Since when the reader takes nothing; `nil` while it does.
    private var stalledSince: NIODeadline?

    init(_ connections: Connections, _ headGuard: HeadGuard) {
        self.connections = connections
        self.headGuard = headGuard
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        phase = .reading(since: .now())
        connections.admit(self)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        connections.remove(self)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Whoever sends what is no HTTP, or goes away, is no trouble of ours.
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
            headGuard.headCame()
        case .body(let buffer):
            // The guard before the parser bounds it, but for what chunks take.
            if body.count <= HeadGuard.bodyBytesMax {
                body.append(contentsOf: buffer.readableBytesView)
            }
        case .end:
            guard let head else { return }
            self.head = nil
            headGuard.requestEnded()
            answer(head)
        }
    }

    private func answer(_ head: HTTPRequestHead) {
        let request = WebRequest(
            method: head.method.rawValue, target: head.uri,
            fields: head.headers.map { ($0.name, $0.value) })
        guard body.count <= HeadGuard.bodyBytesMax else {
            return send(.text(413, "this is too large"), to: head)
        }
        switch connections.site.reply(to: request, body) {
        case .answer(let answer): send(answer, to: head)
        case .stream(let queue):
            guard connections.hasRoomForStream else {
                return send(.text(503, "too many pages are open; close one"), to: head)
            }
            stream(queue, to: head)
        case .perform(let queue, let action):
            phase = .performing
            let (queue, loop) = (connections.site.queues[queue], context?.eventLoop)
            // Bare: the connection has no async context, and what was asked for is done even when
            // it goes away.
            Task {
                let result: Result<ActionResult, ActionRefusal>
                do throws(ActionRefusal) {
                    result = .success(try await queue.perform(action))
                } catch {
                    result = .failure(error)
                }
                loop?.execute { self.send(Site.answer(result), to: head) }
            }
        }
    }

    private func fields(_ answer: [(String, String)]) -> HTTPHeaders {
        HTTPHeaders(answer + Answer.safety)
    }

    private func send(_ answer: Answer, to request: HTTPRequestHead) {
        guard let context else { return }
        var fields = fields(answer.fields)
        if answer.status != 204 {
            fields.add(name: "Content-Length", value: "\(answer.body.count)")
        }
        let keepsOpen = request.isKeepAlive && !answer.endsConnection
        if !keepsOpen { fields.add(name: "Connection", value: "close") }
        phase = .answering(since: .now())
        let head = HTTPResponseHead(
            version: .http1_1, status: .init(statusCode: answer.status), headers: fields)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD, !answer.body.isEmpty {
            let buffer = context.channel.allocator.buffer(bytes: answer.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { result in
            guard keepsOpen, !self.connections.isStopping, case .success = result else {
                return self.close()
            }
            self.phase = .reading(since: .now())
        }
    }

    func close() { context?.close(promise: nil) }

    /// Ends a stream as it should, and the connection.
    func finish() {
        guard isStream, let context else { return close() }
        context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
            self.close()
        }
    }

    // MARK: - Event streams

    var isStream: Bool { streamed != nil }

    /// Whether the connection owes an answer to a request.
    var isBusy: Bool {
        switch phase {
        case .performing, .answering: true
        case .reading, .streaming: false
        }
    }

    /// The queue whose state the connection streams.
    var streamed: Int? {
        guard case .streaming(let queue, _, _) = phase else { return nil }
        return queue
    }

    private func stream(_ queue: Int, to request: HTTPRequestHead) {
        guard let context else { return }
        let head = HTTPResponseHead(
            version: .http1_1, status: .ok, headers: fields([("Content-Type", "text/event-stream")])
        )
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        let site = connections.site
        let version = site.version(of: queue)
        phase = .streaming(queue: queue, sent: version, at: .now())
        send(site.state(of: queue, isFirst: true), version, at: .now())
    }

    /// Whether the state of a version is to be sent: a reader that takes nothing gets a later one.
    func wants(_ version: [Int], at now: NIODeadline) -> Bool {
        guard case .streaming(_, let sent, let at) = phase, let context, context.channel.isWritable
        else { return false }
        return sent != version || now - at > Self.silenceMax
    }

    func send(_ state: [UInt8], _ version: [Int], at now: NIODeadline) {
        guard case .streaming(let queue, _, _) = phase, let context else { return }
        phase = .streaming(queue: queue, sent: version, at: now)
        var buffer = context.channel.allocator.buffer(capacity: state.count + 16)
        buffer.writeString("data: ")
        buffer.writeBytes(state)
        buffer.writeString("\n\n")
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
    }

    /// Whether the connection is to stay.
    func isAlive(at now: NIODeadline) -> Bool {
        guard let context else { return false }
        if context.channel.isWritable {
            stalledSince = nil
        } else {
            let since = stalledSince ?? now
            stalledSince = since
            if now - since > Self.stallMax { return false }
        }
        switch phase {
        case .reading(let since), .answering(let since): return now - since <= Self.requestTimeMax
        case .performing, .streaming: return true
        }
    }
}
