internal import JobStore

extension JobFeed {
    /// The bounds on what a feed claims, keeps and hands out, and its waits.
    struct Limits {
        /// The most requests in flight.
        var workers = Int.max / 4
        /// Claim when fewer jobs than this go out now or soon.
        var ready = 2 * Segment.countMax
        /// The time in µs for which what a run claims is to last at its rate (`ClaimWindow`), where
        /// others work on the queue, too; `nil` where it claims up to `ready` at any rate.
        var holdMicros: Int?
        /// Claim no more while jobs of this many batches wait for hosts that are out of reach.
        var heldBatches = 20_000
        /// Claim no more, and give back blocks of lists, to be claimed again later, while so many of
        /// their jobs wait for hosts that are out of reach or slow.
        var waitingOfLists = 65_536
        /// The time in µs after which blocks are looked at again, whether some can be given back.
        var parkLookMicros = 100_000
        /// Forget the lines of ended jobs, of blocks most of whose jobs have ended, while the lines
        /// of all blocks have so many bytes.
        var sparseBytes = 2 << 20
        /// Claim no more while the lines of blocks have so many bytes.
        var blockBytes = 32 << 20
        /// Give back blocks of which all that is left waits for hosts, while the lines of all
        /// blocks have so many bytes.
        var waitingBytes = 8 << 20
        /// The time in µs for which a block that is given back is left alone the first time. It
        /// doubles each further time.
        var parkMicros = 10_000_000
        /// The most requests in flight to hosts out of reach, while other hosts have jobs ready.
        var probes = 16
        /// Hand out nothing while this many attempts have ended and are not committed.
        var unmarked = 10_000
        /// Hand out nothing while this many bytes of output wait for their commit.
        var unmarkedBytes = 32 << 20
        /// Claim no new segment while this many jobs wait for a retry.
        var retrying = 100_000
        /// The time in µs for which an empty queue is not asked again.
        var dryMicros = 1_000_000
        /// The same where a part of the queue was left out: that part may be asked for soon.
        var skippedDryMicros = 50_000
        /// The longest time in µs for which the queue is not asked for retries while one waits: the
        /// queue's clock may be set.
        var retryLookMicros = 60_000_000
        /// The shortest time in µs from one question for retries to the next while requests are in
        /// flight: each is a write to the disk.
        var retryGatherMicros = 100_000
        /// The shortest time in µs after which a queue that said to ask again is asked.
        var askAgainMicrosMin = 10_000
    }
}
