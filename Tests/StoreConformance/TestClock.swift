import Synchronization

/// A clock that stands still until it is set.
public final class TestClock: Sendable {
    private let micros = Atomic(0)

    public init() {}

    /// The Unix time in µs.
    public var unixMicros: Int {
        get { micros.load(ordering: .relaxed) }
        set { micros.store(newValue, ordering: .relaxed) }
    }
}
