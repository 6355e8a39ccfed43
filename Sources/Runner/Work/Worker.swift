/// One of the run's workers. Its cycle is: take the next job, fetch, judge, hand over. It suspends
/// once a request.
struct Worker {
    let desk: Desk
    let loop: EventLoop
    /// The number of the loop's shard that the worker's connection belongs to.
    let shard: Int
    /// Asked about each job, where robots.txt is honoured; `nil` otherwise.
    let gate: RobotsGate?

    /// Works until no job is left or the run drains. Runs on the loop's thread.
    func work() async {
        let transfer = loop.makeTransfer(inShard: shard)
        while let job = await desk.nextJob() {
            let response: Response
            if let gate, gate.covers(job.chunk) {
                guard let fetched = await fetch(job, through: gate, transfer) else { continue }
                response = fetched
            } else {
                response = await transfer.fetch(job)
            }
            let spare: Capture?
            if desk.handles {
                spare = await desk.finish(
                    job, with: response, transfer.takeCapture(), on: loop)
            } else {
                spare = desk.finish(job, with: response, transfer.takeCapture(), at: loop.now)
            }
            transfer.reuse(spare)
        }
        transfer.close()
        // Now, not when the turn ends: with the last worker gone the marker is told that no more
        // will come, and what came after would be marked by nobody.
        desk.turnEnds()
    }

    /// - Returns: The response; `nil` when the job is to be handed out again.
    private func fetch(
        _ job: Job, through gate: RobotsGate, _ transfer: Transfer
    ) async -> Response? {
        switch await gate.passage(of: job, by: transfer) {
        case .open(let crawlDelayMicros):
            var response = await transfer.fetch(job)
            response.crawlDelayMicros = crawlDelayMicros
            return response
        case .again(let crawlDelayMicros):
            transfer.emptyCapture()
            desk.putBack(job, crawlDelayMicros: crawlDelayMicros)
            // The feed hears of it before the worker asks for the next.
            await loop.nextTurn()
            return nil
        case .closed(let response):
            transfer.emptyCapture()
            // Many in a row are not to keep the loop from its sockets, nor from telling the feed.
            await loop.nextTurn()
            return response
        }
    }
}
