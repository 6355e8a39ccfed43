import Links
import Runner

extension KeptCourse {
    /// The options of a run that tell how it worked, by their names on the command line. What may
    /// hold a secret (headers, credentials, commands) is not among them.
    ///
    /// - Parameters:
    ///   - judging: The rules of judging that were chosen.
    ///   - proxies: The sentences on proxies, without credentials.
    static func settings(
        _ options: CrawlOptions, _ output: OutputOptions, judging: String, _ proxies: [String]
    ) -> [Setting] {
        func seconds(_ duration: Duration) -> String { "\(Format.decimal(duration.seconds)) s" }
        let standard = CrawlOptions()
        let (limits, fetch) = (options.politeness.limits, options.fetch)
        let all: [(String, String?)] = [
            ("workers", Format.count(options.workers)),
            ("per-host", perHost(options.perHost)),
            ("rate", options.politeness.rate.map(LimitsDocument.text)),
            ("host-rate", limits.rate.map(LimitsDocument.text)),
            ("delay", limits.delay.map(seconds)),
            ("limits", count(options.politeness.rules.count, "rule")),
            ("no-adapt", flag(!options.politeness.adapts)),
            ("no-streak-stop", flag(!options.politeness.stopsOnDenials)),
            ("retries", "\(options.retries)"),
            (
                "retry-delay",
                options.retryDelay == standard.retryDelay ? nil : seconds(options.retryDelay)
            ),
            ("connect-timeout", seconds(fetch.connectTimeout)),
            ("max-time", seconds(fetch.timeout)),
            ("max-redirs", "\(fetch.redirectsMax)"),
            ("max-body", Format.bytes(fetch.bodyBytesMax)),
            ("http1.1", flag(!fetch.asksForHTTP2)),
            ("insecure", flag(fetch.isInsecure)),
            ("raw", flag(fetch.isRaw)),
            ("allow-private", flag(fetch.allowsInward)),
            ("keep-validators", flag(fetch.keepsValidators)),
            ("judging", judging.isEmpty ? nil : judging),
            ("proxies", proxies.isEmpty ? nil : proxies.joined(separator: "; ")),
            ("robots.txt", robots(options.robots.scope)),
            ("scope", options.follow?.reach.rawValue),
            ("depth", options.follow.flatMap { bound($0.depthMax) }),
            ("max-jobs", options.follow.flatMap { bound($0.jobsMax) }),
            ("max-jobs-per-host", options.follow?.jobsOfHostMax.map(Format.count)),
            ("run-time", options.limits.runTimeMax.map(seconds)),
            ("until", options.limits.untilMicros.map(Timestamp.text)),
            ("max-bytes", options.limits.bodyBytesMax.map(Format.bytes)),
            ("max-failures", options.limits.failuresMax.map(text)),
            ("grace", seconds(options.grace)),
            ("max-stall", seconds(options.stallMax)),
            ("on-seal", flag(output.sealedFileCommand != nil)),
        ]
        return all.compactMap { name, value in
            value.map { Setting(name: name, value: Layout.clipped($0, columns: 200)) }
        }
    }

    private static func flag(_ isOn: Bool) -> String? { isOn ? "yes" : nil }

    private static func count(_ count: Int, _ noun: String) -> String? {
        count == 0 ? nil : "\(Format.count(count)) \(noun)\(count == 1 ? "" : "s")"
    }

    private static func bound(_ count: Int) -> String? {
        count == .max ? nil : Format.count(count)
    }

    private static func perHost(_ bound: PerHost) -> String {
        switch bound {
        case .lists: "\(PerHost.listsMax) where a batch has several hosts"
        case .jobs(let count): Format.count(count)
        case .unbounded: "no bound"
        }
    }

    private static func robots(_ scope: RobotsOptions.Scope) -> String {
        switch scope {
        case .severalHosts: "honoured where a batch has several hosts"
        case .all: "honoured"
        case .none: "not asked for"
        }
    }

    private static func text(_ failures: StopLimits.Failures) -> String {
        switch failures {
        case .count(let count): Format.count(count)
        case .percent(let percent): "\(Format.decimal(percent)) %"
        }
    }
}
