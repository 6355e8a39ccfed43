import Glibc
import NIOCore

/// Serves one connection: reads requests, counts them and plays the script of each.
///
/// Requests that come before the one in front of them is answered wait in the buffer, and are read,
/// counted and answered when it is their turn.
final class OriginHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let counter: HitCounter
    private let behaviour: Behaviour

    private var parser = RequestParser()
    /// What was received and not yet understood.
    private var received = ByteBuffer()
    /// What is left of the body of the request that `exchange` is about.
    private var bodyBytesToSkip = 0
    private var exchange: Exchange?

    /// Guards against being called back by a write of our own.
    private var isProceeding = false
    private var hasWritten = false
    /// The buffer is full of requests that have to wait.
    private var isReadHeld = false
    /// A request was malformed, so nothing behind it can be understood.
    private var isDiscarding = false

    init(counter: HitCounter, behaviour: Behaviour) {
        self.counter = counter
        self.behaviour = behaviour
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDiscarding else { return }
        var bytes = unwrapInboundIn(data)
        if received.readableBytes == 0 {
            received = bytes
        } else {
            received.writeBuffer(&bytes)
        }
        proceed(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        proceed(context)
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        // A timer that is still pending finds no exchange and does nothing.
        endExchange()
        isDiscarding = true
        received = ByteBuffer()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The client reset the connection or the like. It is gone, and that is all there is to know.
        context.close(promise: nil)
    }

    func read(context: ChannelHandlerContext) {
        if exchange != nil, received.readableBytes >= RequestParser.maxHeadBytes {
            isReadHeld = true
        } else {
            context.read()
        }
    }

    /// Does all that can be done now: reads requests and plays scripts until one has to wait.
    private func proceed(_ context: ChannelHandlerContext) {
        guard !isProceeding else { return }
        isProceeding = true
        while hasExchange(context), hasSkippedBody(), play(context) {}
        isProceeding = false

        if received.readableBytes == 0 {
            // Thousands of idle connections should not each keep a buffer for reading.
            received = ByteBuffer()
        }
        if hasWritten {
            hasWritten = false
            context.flush()
        }
        if isReadHeld, exchange == nil || received.readableBytes < RequestParser.maxHeadBytes {
            isReadHeld = false
            context.read()
        }
    }
}

// MARK: - Reading requests

extension OriginHandler {
    /// The answer to almost all requests of a measurement, made once.
    private static let plainAnswer = ByteBuffer(
        string: "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nOK\n")

    /// - Returns: Whether there is an exchange to work on, old or new.
    private func hasExchange(_ context: ChannelHandlerContext) -> Bool {
        while exchange == nil {
            guard !isDiscarding else { return false }
            switch parser.next(in: &received) {
            case .incomplete:
                return false
            case .malformed:
                isDiscarding = true
                received = ByteBuffer()
                begin(.malformed)
            case .request(let request):
                if isAnsweredAtOnce(request) {
                    if let id = request.id { _ = counter.hit(id) }
                    write(Self.plainAnswer, context)
                } else {
                    begin(request)
                    if request.expectsContinue, request.bodyBytes > 0 {
                        write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"), context)
                    }
                }
            }
        }
        return true
    }

    private func isAnsweredAtOnce(_ request: Request) -> Bool {
        guard case .plain = request.route, case .immediate = behaviour else { return false }
        return request.keepsAlive && !request.isVersion10 && !request.isHead
            && request.bodyBytes == 0
    }

    private func begin(_ request: Request) {
        var hit = 0
        if request.route.countsHit, let id = request.id { hit = counter.hit(id) }
        if request.route.isInFlight { counter.requestBegan() }
        bodyBytesToSkip = request.bodyBytes
        exchange = Exchange(
            request: request,
            script: request.script(hit: hit, behaviour: behaviour, counter: counter))
    }

    private func endExchange() {
        if exchange?.request.route.isInFlight == true { counter.requestEnded() }
        exchange = nil
    }

    /// - Returns: Whether all of the request's body is behind us.
    private func hasSkippedBody() -> Bool {
        let skippedBytes = min(bodyBytesToSkip, received.readableBytes)
        received.moveReaderIndex(forwardBy: skippedBytes)
        bodyBytesToSkip -= skippedBytes
        return bodyBytesToSkip == 0
    }
}

// MARK: - Playing scripts

extension OriginHandler {
    /// Plays the script as far as it goes without waiting.
    ///
    /// - Returns: Whether it has come to its end, so that the next request has its turn.
    private func play(_ context: ChannelHandlerContext) -> Bool {
        while let step = exchange?.nextStep() {
            switch step {
            case .bytes(let bytes):
                write(bytes, context)
            case .stream(let source, let interval):
                guard context.channel.isWritable else {
                    exchange?.takeBack(step)
                    waitUntilWritable(context)
                    return false
                }
                var source = source
                guard let piece = source.next() else { continue }
                write(piece, context)
                exchange?.takeBack(.stream(source, interval: interval))
                if let interval {
                    wait(interval, context)
                    return false
                }
            case .pause(let duration):
                wait(duration, context)
                return false
            case .closeOutput:
                context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated()
                    .whenComplete { _ in context.close(mode: .output, promise: nil) }
            case .close:
                exchange?.isWaiting = true
                context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated()
                    .whenComplete { _ in context.close(promise: nil) }
                return false
            case .reset:
                exchange?.isWaiting = true
                reset(context)
                return false
            case .hang:
                exchange?.isWaiting = true
                return false
            }
        }
        guard let exchange, !exchange.isWaiting else { return false }
        if exchange.request.keepsAlive {
            endExchange()
            return true
        }
        self.exchange?.append(.close)
        return play(context)
    }

    private func write(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        hasWritten = true
        context.write(wrapOutboundOut(bytes), promise: nil)
    }

    private func wait(_ duration: TimeAmount, _ context: ChannelHandlerContext) {
        exchange?.isWaiting = true
        let goOn = { [weak self] in
            guard let self, self.exchange != nil else { return }
            self.exchange?.isWaiting = false
            self.proceed(context)
        }
        if duration == .zero {
            Turns.wait(on: context.eventLoop, goOn)
        } else {
            // Not cancelled when the client leaves: finding one of thousands of timers to cancel
            // it takes longer than letting it find nothing to do.
            context.eventLoop.assumeIsolated().scheduleTask(in: duration, goOn)
        }
    }

    private func waitUntilWritable(_ context: ChannelHandlerContext) {
        hasWritten = false
        context.flush()
        // A client that reads as fast as we write would keep the loop to itself for as long as its
        // body lasts.
        if context.channel.isWritable { wait(.zero, context) }
    }

    private func reset(_ context: ChannelHandlerContext) {
        guard let options = context.channel as? any SocketOptionProvider else {
            preconditionFailure("a TCP channel of NIO has socket options")
        }
        // On the event loop this is done by the time it returns.
        options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).assumeIsolated()
            .whenComplete { _ in context.close(promise: nil) }
    }
}
