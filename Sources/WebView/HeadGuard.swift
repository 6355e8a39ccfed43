internal import NIOCore

/// Ends a connection whose request is larger than any of ours: the parser behind bounds names and
/// values alone.
///
/// Belongs to the channel's event loop.
final class HeadGuard: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    static let headBytesMax = 8192
    static let bodyBytesMax = 4096
    /// The bytes since the last request ended.
    private var bytes = 0
    /// Whether the head of the request has come.
    private var hasHead = false

    func headCame() { hasHead = true }

    func requestEnded() { (bytes, hasHead) = (0, false) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        bytes += buffer.readableBytes
        guard bytes <= Self.headBytesMax + (hasHead ? Self.bodyBytesMax : 0) else {
            // Its rest may still be coming, and nobody reads it.
            let text =
                "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(string: text)))
                .assumeIsolated().whenComplete { _ in context.close(promise: nil) }
            return
        }
        context.fireChannelRead(data)
    }
}
