/// A request and how far its answer has come.
struct Exchange {
    let request: Request
    /// Waits for a timer, or for the end of the connection.
    var isWaiting = false

    /// What is yet to be played, last step first.
    private var steps: Script

    init(request: Request, script: Script) {
        self.request = request
        steps = script.reversed()
    }

    mutating func nextStep() -> Step? {
        isWaiting ? nil : steps.popLast()
    }

    /// Puts a step back in front, to be played again.
    mutating func takeBack(_ step: Step) {
        steps.append(step)
    }

    /// - Precondition: The script has come to its end.
    mutating func append(_ step: Step) {
        steps.append(step)
    }
}
