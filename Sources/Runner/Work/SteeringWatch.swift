internal import JobStore

/// A change of a run that people asked for while it goes on.
public enum LiveChange: Equatable, Sendable {
    case paused
    case resumed
    /// All limits that were asked for so far.
    case limits(LimitChange)
}

/// Looks now and then what people ask of the run, and which hosts other runs were asked to leave
/// alone, and has the feed follow.
struct SteeringWatch: Sendable {
    let lease: any RunnerLease
    let feed: Feed
    /// Told of each change that was made.
    let changed: @Sendable (LiveChange) -> Void
    var shares: ShareKeeper

    /// The time between two looks: people are to see the run follow within a second.
    private static let pause = Duration.milliseconds(500)
    /// The number of looks from one at hosts to the next.
    private static let looksAtHosts = 4

    /// Follows until the task is cancelled.
    ///
    /// - Throws: `QueueError` when the queue cannot be read, but for one that is locked or out of
    ///   reach: a later look will do.
    mutating func watch() async throws(QueueError) {
        var wishes = Wishes()
        var looks = 0
        while !Task.isCancelled {
            looks += 1
            do {
                try await look(&wishes)
                if looks.isMultiple(of: Self.looksAtHosts) { try await lookAtHosts() }
                try await shares.look()
            } catch {
                guard error.code == .busy || error.code == .unreachable else { throw error }
            }
            feed.lookAtHold()
            try? await Task.sleep(for: Self.pause)
        }
    }

    private func lookAtHosts() async throws(QueueError) {
        let hosts = try await lease.hostsHeldOfLate()
        if !hosts.isEmpty { feed.holdBack(hosts) }
    }

    private struct Wishes {
        /// The number of the last wish for limits that was taken in.
        var taken = 0
        /// The number of the last one that the queue knows to be taken in.
        var told = 0
    }

    private mutating func look(_ wishes: inout Wishes) async throws(QueueError) {
        let steering = try await lease.steering()
        if steering.isPaused != feed.isPaused {
            feed.setPaused(steering.isPaused)
            changed(steering.isPaused ? .paused : .resumed)
        }
        if steering.wish > wishes.taken {
            let change = LimitChange(kept: steering.limits)
            feed.keep(to: change)
            if change.rate != nil { try await shares.look(isNow: true) }
            wishes.taken = steering.wish
            changed(.limits(change))
        }
        guard wishes.told < wishes.taken else { return }
        try await lease.took(wish: wishes.taken)
        wishes.told = wishes.taken
    }
}
