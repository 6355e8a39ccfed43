internal import NIOCore
internal import Runner

/// The connections of a server, each of which is bounded in time, and in what waits to be sent.
///
/// Holds: `@unchecked`, since everything but `site` and `loop` is touched on the loop alone.
final class Connections: @unchecked Sendable {
    /// The most connections, and those of them that may be event streams: others, such as metrics,
    /// always get some.
    static let countMax = 64
    static let streamsMax = 48
    /// The time for which the end waits for what people have asked for: longer than the queue makes
    /// anybody wait.
    static let stopMax = TimeAmount.seconds(12)
    /// The time between two looks at what has changed.
    static let interval = TimeAmount.milliseconds(500)

    let site: Site
    private let loop: any EventLoop
    /// The connections, the oldest first.
    private var all: [RequestHandler] = []
    private var watch: RepeatedTask?
    private(set) var isStopping = false
    /// Kept once all that was asked for is answered.
    private var answered: EventLoopPromise<Void>?

    init(_ site: Site, on loop: any EventLoop) {
        self.site = site
        self.loop = loop
    }

    /// Begins to look at what has changed, on the loop.
    func start() {
        watch = loop.scheduleRepeatedTask(initialDelay: Self.interval, delay: Self.interval) {
            [weak self] _ in self?.tick()
        }
    }

    /// Tells readers of the end, and ends all connections, on the loop.
    ///
    /// - Returns: Done once those who have asked for something have their answer.
    func stop() -> EventLoopFuture<Void> {
        watch?.cancel()
        tick()
        isStopping = true
        for connection in all where !connection.isBusy { connection.finish() }
        let promise = loop.makePromise(of: Void.self)
        answered = promise
        tellIfAnswered()
        loop.scheduleTask(in: Self.stopMax) { [weak self] in self?.tellAnswered() }
        return promise.futureResult
    }

    private func tellIfAnswered() {
        if isStopping, !all.contains(where: \.isBusy) { tellAnswered() }
    }

    private func tellAnswered() {
        answered?.succeed()
        answered = nil
    }

    /// Takes in a connection. Where there are too many, the oldest that has yet to ask makes room, or
    /// else the oldest that streams nothing: those who open connections without a token must keep
    /// neither pages nor answers from those who have one.
    func admit(_ connection: RequestHandler) {
        if all.count >= Self.countMax {
            let oldest =
                all.first { !$0.isStream && !$0.isBusy } ?? all.first { !$0.isStream } ?? all[0]
            oldest.close()
            remove(oldest)
        }
        all.append(connection)
    }

    func remove(_ connection: RequestHandler) {
        all.removeAll { $0 === connection }
        tellIfAnswered()
    }

    var hasRoomForStream: Bool { all.count { $0.isStream } < Self.streamsMax }

    private func tick() {
        let now = NIODeadline.now()
        for connection in all where !connection.isAlive(at: now) { connection.close() }
        var texts: [Int: (version: [Int], text: [UInt8])] = [:]
        for connection in all {
            guard let queue = connection.streamed else { continue }
            let version = texts[queue]?.version ?? site.version(of: queue)
            guard connection.wants(version, at: now) else { continue }
            let text = texts[queue]?.text ?? site.state(of: queue, isFirst: false)
            texts[queue] = (version, text)
            connection.send(text, version, at: now)
        }
    }
}
