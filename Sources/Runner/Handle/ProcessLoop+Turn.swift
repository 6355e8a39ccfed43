internal import CShell
internal import Glibc
internal import JobStore
internal import Lists

/// The parts of a turn: what came is looked at, what can be done is done, and then it waits.
extension ProcessLoop {
    /// Looks at what time brings: ends of processes, and responses that take too long.
    func look() {
        dying.removeAll { process in
            guard process.reap() != nil else { return false }
            process.words.finish()
            return true
        }
        let now = SystemClock.monotonicMicros()
        let asksAll = now >= nextReapMicros
        if asksAll { nextReapMicros = now + Self.reapMicros }
        for slot in processes.indices {
            // One that has ended has closed its output, too, unless others have it.
            guard let process = processes[slot], asksAll || process.notice != nil else { continue }
            if let end = process.reap() {
                readAnswers(slot)
                self.end(slot, .fault, end.description)
            } else if let notice = process.notice, notice.killMicros <= now {
                end(slot, .fault, notice.clause)
            }
        }
        while let slot = plan.overdue(atMicros: now) {
            end(slot, .overdue, "did not answer within \(options.answerTimeLimit)")
        }
    }

    /// Does what the plan says, and writes what there is room for.
    func act() {
        while hopeless == nil, let action = plan.next(atMicros: SystemClock.monotonicMicros()) {
            switch action {
            case .start(let slot): start(slot)
            case .send(let number, let slot):
                guard let line = questions[number]?.line, let process = processes[slot] else {
                    preconditionFailure("only what waits is sent, to a process that is there")
                }
                process.send(line.bytes)
            }
        }
        for slot in processes.indices { write(slot) }
    }

    private func start(_ slot: Int) {
        do throws(Errno) {
            processes[slot] = try HandlerProcess(
                options.command,
                inputBytes: options.processes <= Self.widePipesMax ? Self.widePipeBytes : 0,
                answerBytesMax: options.answerBytesMax, HandlerWords(slot + 1, tell))
        } catch {
            let verdict = plan.ended(
                slot, .fault, readBytes: 0, atMicros: SystemClock.monotonicMicros())
            follow(verdict, "\(name(of: slot)) cannot be started: \(error)")
        }
    }

    private func write(_ slot: Int) {
        guard let process = processes[slot], process.isWriting, !process.write() else { return }
        closedInput(slot)
    }

    private func closedInput(_ slot: Int) {
        processes[slot]?.closeInput()
        giveNotice(slot, "closed its input")
    }

    private func giveNotice(_ slot: Int, _ clause: String) {
        plan.close(slot)
        processes[slot]?.giveNotice(
            clause, killMicros: SystemClock.monotonicMicros() + Self.noticeMicros)
    }

    // MARK: - Answers

    private func readAnswers(_ slot: Int) {
        guard let process = processes[slot] else { return }
        var fault: String?
        let mayCome: Bool
        do throws(LineBuffer.Excess) {
            mayCome = try process.readAnswers { line in
                fault = take(line, of: slot)
                return fault == nil
            }
        } catch {
            mayCome = true
            fault =
                "wrote a line of more than \(options.answerBytesMax) bytes: \(ShownText.of(error.excerpt))"
        }
        if let fault {
            end(slot, .fault, fault)
        } else if !mayCome {
            giveNotice(slot, "closed its output")
        }
    }

    /// Takes a line.
    ///
    /// - Returns: The reason why the process cannot go on; `nil` when it can.
    private func take(_ line: UnsafeRawBufferPointer, of slot: Int) -> String? {
        guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) else { return nil }
        do throws(HandlerAnswer.Fault) {
            let answer = try reader.read(line)
            let now = SystemClock.monotonicMicros()
            guard plan.answered(answer.number, by: slot, atMicros: now) else {
                return
                    "answered request \(answer.number), which it was not given or has answered: \(ShownText.of(line))"
            }
            resume(
                answer.number,
                answer.result.mapError {
                    HandlerError(
                        "\(name(of: slot)) gave an answer that \($0): \(ShownText.of(line))")
                })
            return nil
        } catch {
            return "wrote a line that \(error): \(ShownText.of(line))"
        }
    }

    // MARK: - The end of a process

    /// Ends a process, if it has not ended.
    ///
    /// - Parameter clause: The reason, as a clause.
    private func end(_ slot: Int, _ cause: ProcessPlan.Cause, _ clause: String) {
        guard let process = processes[slot] else { return }
        processes[slot] = nil
        process.readErrors()
        let words = process.words.lastAsClause
        process.signalGroup(SIGKILL)
        process.closeInput()
        if process.reap() == nil { dying.append(process) } else { process.words.finish() }
        let verdict = plan.ended(
            slot, cause, readBytes: process.readBytes, atMicros: SystemClock.monotonicMicros())
        follow(verdict, "\(name(of: slot)) \(clause)\(words)")
        let now = SystemClock.monotonicMicros()
        if let words = ends.words(on: clause, atMicros: now) { tell(slot + 1, words) }
    }

    private func follow(_ verdict: ProcessPlan.Verdict, _ message: String) {
        for number in verdict.failed { resume(number, .failure(HandlerError(message))) }
        if verdict.isHopeless {
            hopeless = HandlerError(
                "no process of the handler answers; the last one: \(message)", .run)
        }
    }

    private func name(of slot: Int) -> String {
        "handler \(slot + 1) (\(ShownText.of(Array(options.command.utf8))))"
    }

    // MARK: - Waiting

    /// Waits until something comes, or it is time to look.
    func wait() {
        // Answers are taken, and lines given, several at a time, while the processes have enough to do.
        let gathering = plan.gatheringMicros
        if gathering > 0 { rest(Int32(gathering)) }
        var watched = [pollable(pool.bell)]
        for process in processes {
            guard let process else { continue }
            watched.append(pollable(process.input, process.isWriting ? watch_output : nil))
            watched.append(pollable(process.output))
            watched.append(pollable(process.errors))
        }
        watch(&watched, Int32(watched.count), timeoutMillis)
        if watched[0].seen != 0 { pool.answerBell() }
        var index = 1
        for slot in processes.indices {
            guard let process = processes[slot] else { continue }
            defer { index += 3 }
            if watched[index + 2].seen != 0 { process.readErrors() }
            // First what it has said, then what it did.
            if watched[index + 1].seen != 0 { readAnswers(slot) }
            if watched[index].seen & ~Int16(watch_output.rawValue) != 0, processes[slot] != nil {
                closedInput(slot)
            }
        }
    }

    /// - Parameter wanted: The event to wait for; `nil` to hear of the other end alone.
    private func pollable(
        _ descriptor: Int32, _ wanted: watch_event? = watch_input
    ) -> watched {
        // Those that are closed, and so negative, are passed over.
        CShell.watched(
            descriptor: descriptor, wanted: Int16(wanted?.rawValue ?? 0), seen: 0)
    }

    private var timeoutMillis: Int32 {
        let now = SystemClock.monotonicMicros()
        var millis = processes.contains { $0 != nil } ? Self.tickMillis : Int.max
        if !dying.isEmpty || processes.contains(where: { $0?.notice != nil }) {
            millis = Self.dyingTickMillis
        }
        if let wake = plan.wakeMicros { millis = min(millis, max(0, (wake - now + 999) / 1000)) }
        return millis == .max ? -1 : Int32(clamping: millis)
    }

    // MARK: - The end of all

    /// Lets all processes end, asks those to that do not, and then kills them.
    func letEnd(_ closing: ProcessPool.Closing) {
        var left = processes.compactMap { $0 } + dying
        processes = processes.map { _ in nil }
        for process in left { process.closeInput() }
        let begin = SystemClock.monotonicMicros()
        let terminate = begin + (closing == .gently ? options.grace.microseconds : 0)
        var signals: [(number: Int32, atMicros: Int)] = [
            (SIGTERM, terminate), (SIGKILL, terminate + Self.terminationMicros),
        ]
        if closing == .atOnce { signals = [(SIGKILL, begin)] }
        while true {
            left.removeAll { process in
                guard process.reap() != nil else { return false }
                process.readErrors()
                process.words.finish()
                return true
            }
            if left.isEmpty { return }
            if let next = signals.first, SystemClock.monotonicMicros() >= next.atMicros {
                signals.removeFirst()
                for process in left { process.signalGroup(next.number) }
            }
            var watched = left.flatMap { [pollable($0.output), pollable($0.errors)] }
            watch(&watched, Int32(watched.count), Int32(Self.dyingTickMillis))
            for process in left {
                process.readErrors()
                // Nobody waits for what it answers, and it must not wait for a reader.
                do { _ = try process.readAnswers { _ in true } } catch {
                    process.signalGroup(SIGKILL)
                }
            }
        }
    }
}
