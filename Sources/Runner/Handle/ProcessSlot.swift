/// A response that is given to processes, as far as a plan knows it.
struct PlannedResponse {
    let number: Int
    /// The bytes of its line.
    let byteCount: Int
    /// The processes that ended while they had it.
    var deaths = 0
    /// The times that it was given back by a process that ended for another reason.
    var returns = 0
    /// Whether nobody waits for its answer.
    var isForgotten = false
}

/// The place of one process, which ends and is started again.
struct ProcessSlot {
    struct Sent {
        var response: PlannedResponse
        /// The byte of the process's input with which the line begins.
        let begin: Int
    }

    private(set) var isOn = false
    /// Whether the process gets no more responses, though it has not ended.
    var isClosed = false
    /// Whether what the process has may be all that it gets.
    private var isAlone = false
    /// Whether the process has answered anything since it was started.
    private(set) var hasAnswered = false
    /// The responses in the process, as they were sent.
    private(set) var sent: [Sent] = []
    private var lineBytes = 0
    private var inputBytes = 0
    /// Since when, in µs, the process has been at the first of the responses.
    private var sinceMicros = 0
    /// The time in µs that a response takes, of late.
    private var answerMicros = 10_000.0
    /// Processes in a row that have ended without an answer.
    private(set) var failures = 0
    /// The time in µs before which no process is started.
    private(set) var notBeforeMicros = 0

    /// Whether the process may get responses.
    var isOpen: Bool { isOn && !isClosed }

    /// Whether the process can get one more.
    func takes(_ response: PlannedResponse, _ rules: ProcessPlan.Rules) -> Bool {
        guard isOpen, !isAlone, sent.count < rules.window else { return false }
        return sent.isEmpty || lineBytes + response.byteCount <= rules.lineBytesMax
    }

    /// The time in µs at which the first response has taken too long.
    ///
    /// A process may take its responses one by one: the time that one waits behind others is none of
    /// its own. It begins when all that was sent before is answered.
    func dueMicros(_ rules: ProcessPlan.Rules) -> Int? {
        sent.isEmpty ? nil : sinceMicros + rules.limitMicros
    }

    /// The time in µs that the process has something to do, if all is as of late; 0 where responses
    /// take long, or nothing more is known.
    var busyMicros: Int {
        isOpen && answerMicros < 250 ? Int(answerMicros * Double(sent.count)) : 0
    }

    mutating func start() {
        let (failures, notBefore) = (failures, notBeforeMicros)
        self = ProcessSlot()
        (isOn, self.failures, notBeforeMicros) = (true, failures, notBefore)
    }

    mutating func take(_ response: PlannedResponse, alone: Bool, atMicros now: Int) {
        if sent.isEmpty { sinceMicros = now }
        isAlone = alone
        sent.append(Sent(response: response, begin: inputBytes))
        inputBytes += response.byteCount
        lineBytes += response.byteCount
    }

    /// - Returns: Whether the process has the response.
    mutating func forget(_ number: Int) -> Bool {
        guard let index = sent.firstIndex(where: { $0.response.number == number }) else {
            return false
        }
        sent[index].response.isForgotten = true
        return true
    }

    /// - Returns: Whether the process has the response.
    mutating func answered(_ number: Int, atMicros now: Int) -> Bool {
        guard let index = sent.firstIndex(where: { $0.response.number == number }) else {
            return false
        }
        lineBytes -= sent.remove(at: index).response.byteCount
        if index == 0 {
            answerMicros += (Double(now - sinceMicros) - answerMicros) / 16
            sinceMicros = now
        }
        if sent.isEmpty { isAlone = false }
        hasAnswered = true
        return true
    }

    /// The process has ended. With a first pause of 0.1 s:
    ///
    /// | processes in a row without an answer | pause before the next |
    /// |--------------------------------------|-----------------------|
    /// | 0, 1                                 | none                  |
    /// | 2                                    | 0.1 s                 |
    /// | 4                                    | 0.4 s                 |
    /// | 8 and more                           | 5 s                   |
    mutating func end(atMicros now: Int, _ rules: ProcessPlan.Rules) {
        let failures = hasAnswered ? 0 : failures + 1
        self = ProcessSlot()
        self.failures = failures
        let pause = failures < 2 ? 0 : rules.pauseMicros << min(failures - 2, 20)
        notBeforeMicros = now + min(pause, rules.pauseMicrosMax)
    }
}
