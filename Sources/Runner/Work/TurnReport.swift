/// What ended on one loop since it last told.
struct TurnReport {
    /// Attempts with an outcome.
    var finished = 0
    /// Jobs that are as if never tried.
    var givenBack: [Job] = []
    /// Attempts their host had a part in, however they ended.
    var answered = 0
    /// Attempts that could not reach the one host of their batch.
    var unreachable = 0
    /// Attempts this machine could not make; the last `errno`.
    var localError: Int32?

    var isEmpty: Bool { finished == 0 && givenBack.isEmpty }
}
