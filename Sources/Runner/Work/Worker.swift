/// One of the run's workers. Its cycle is: take the next job, fetch, judge, hand over. It suspends
/// once a request.
struct Worker {
    let desk: Desk
    let loop: EventLoop
    /// The number of the loop's shard that the worker's connection belongs to.
    let shard: Int

    /// Works until no job is left or the run drains. Runs on the loop's thread.
    func work() async {
        let transfer = loop.makeTransfer(inShard: shard)
        while let job = await desk.nextJob() {
            let response = await transfer.fetch(job)
            let spare = desk.finish(job, with: response, transfer.takeCapture(), at: loop.now)
            transfer.reuse(spare)
        }
        transfer.close()
        // Now, not when the turn ends: with the last worker gone the marker is told that no more
        // will come, and what came after would be marked by nobody.
        desk.turnEnds()
    }
}
