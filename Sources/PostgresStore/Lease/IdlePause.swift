/// The time until a runner looks again at a queue in which nothing is available, but others hold jobs
/// that may come back. Pure.
///
/// It doubles with each look that finds nothing, so that a runner whose others are about to end does
/// not wait for much longer than they take, and one that waits for hours asks little. With many
/// runners it is long from the first look on: up to 500 of them have a server answer 500 looks a
/// second at most, and more of them one a second each.
struct IdlePause {
    private static let least = Duration.milliseconds(50)
    private static let most = Duration.seconds(2)
    private static let leastByRunner = Duration.milliseconds(4)

    /// The looks in a row that found nothing.
    private var looks = 0

    /// Takes in what a look has found.
    mutating func looked(found isFound: Bool) { looks = isFound ? 0 : looks + 1 }

    /// Returns the pause after a look that finds nothing: between half of `longest` and all of it, at
    /// random, so that runners with nothing to do do not look together.
    func duration(runners: Int) -> Duration {
        longest(runners: runners) * Double.random(in: 0.5...1)
    }

    /// - Parameter runners: The runners of the queue.
    func longest(runners: Int) -> Duration {
        min(max(Self.least, Self.leastByRunner * runners) * (1 << min(looks, 10)), Self.most)
    }
}
