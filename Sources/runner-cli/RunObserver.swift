import Glibc
import JobStore
import Runner

/// Shows a run, and lets signals and keys steer it once it has begun.
struct RunObserver: CrawlObserver {
    let view: ProgressView
    /// `nil` where nobody looks at one.
    let page: RunPage?
    let monitor: RunMonitor
    let course: CourseKeeper
    let store: any JobQueue
    let queue: String
    let stop: StopSwitch
    let workers: Int
    let grace: Duration
    let isQuiet: Bool
    let measures = KeptMeasures()
    let follows = KeptFollows()
    let pausedTime = PausedTime()
    let output = KeptSite()
    /// The sentences on how requests go out.
    let sentences: [String]

    var seesFailures: Bool { true }

    func began(_ attachment: Attachment, notes: [String]) {
        output.keep(attachment.site)
        page?.began()
        course.began(attachment)
        view.start(attachment)
        if !isQuiet { for sentence in sentences { view.note(Terminal.escaped(sentence)) } }
        for note in notes { view.note(note) }
        if let warning = MachineLimits.portWarning(workers: workers) { view.note(warning.sentence) }
        Signals.onStop {
            let isSecond = stop.isRequested
            stop.request()  // before a word: nobody may be reading what we say
            view.stop(within: isSecond ? nil : grace)
        }
        if let screen = view.screen { screen.takeKeys(keys(screen)) }
    }

    func lostHold(_ reason: QueueError) {
        view.event(.note, "\(reason.description); this run attaches anew", .warning)
    }

    func cameBack(_ attachment: Attachment, notes: [String]) {
        output.keep(attachment.site)
        view.event(.note, "attached anew: the run goes on")
        for note in notes { view.note(note) }
    }

    private func keys(_ screen: LiveScreen) -> LiveKeys {
        LiveKeys(
            screen: screen, withQueue: { [store] in try await $0(store) },
            drain: {
                guard stop.requestDrain() else {
                    return "the run is about to end; Ctrl-C stops it now"
                }
                toldToDrain()
                return "draining: run again to resume"
            })
    }

    /// Tells that requests in flight are to end, and then the run.
    func toldToDrain() {
        if isQuiet {
            monitor.note("asked to drain")
        } else {
            view.event(.stopping, "asked to drain")
        }
        view.stop(within: grace)
    }

    func sampled(_ sample: RunSample) -> String? {
        monitor.add(sample)
        course.add(sample)
        page?.show(sample)
        view.show(sample)
        return sample.figures.kept(with: monitor.read { KeptNews($0) })
    }

    func ended(_ sample: RunSample) {
        monitor.add(sample)
        course.add(sample)
    }

    func noticed(_ news: TroubleNews) {
        let text = Terminal.escaped(news.sentence)
        guard !isQuiet else { return monitor.note(text, .warning) }
        view.event(
            news.isOver ? .troubleOver : .trouble, text, news.isOver ? .info : .warning,
            ["host": .text(news.trouble.host), "reason": .text(news.trouble.message)])
    }

    func changed(_ change: LiveChange) {
        if change == .paused || change == .resumed {
            pausedTime.note(isPaused: change == .paused)
        }
        switch change {
        // Even if no progress is shown: who started the run may wonder why nothing is sent.
        case .paused:
            view.event(.paused, "paused: nothing is sent until: \(PauseAdvice.resume(queue))")
        case .resumed: view.event(.resumed, "resumed")
        case .limits(let change):
            let limits = LimitsDocument(change)
            view.event(.limits, "set: \(limits.text)", .info, ["limits": .document(limits)])
        }
    }

    func handing(_ news: HandOverNews) {
        let text = Terminal.escaped("on-seal: \(news.sentence)")
        let level: RunEvent.Level = news.isTrouble ? .warning : .info
        guard !isQuiet || news.isTrouble else { return monitor.note(text, level) }
        view.event(.note, text, level)
    }

    func measured(_ measures: RunMeasures) { self.measures.keep(measures) }
    func followed(_ figures: FollowFigures) { follows.keep(figures) }
}
