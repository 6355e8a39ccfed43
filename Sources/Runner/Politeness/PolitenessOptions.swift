internal import JobStore

/// The behaviour of a run towards servers that push back.
public struct PolitenessOptions: Sendable {
    /// Whether pace and number of requests in flight follow what a host takes.
    public var adapts = true
    /// Whether a host that answers nothing but 401, 403 or 407 stops the run.
    public var stopsOnDenials = true
    /// The bound on the requests of the run; `nil` for none.
    public var rate: Rate?
    /// The limits for hosts that no rule is for.
    public var limits = HostLimits()
    /// Limits by host. Of those that match, the first with a limit counts.
    public var rules: [HostLimitsRule] = []

    /// The search for the requests in flight that a host takes, as it begins; `nil` for none.
    @Apart var crowd: CrowdControl?
    /// The same, for lanes to share until they change it.
    var sharedCrowd: Apart<CrowdControl> { _crowd }

    public init() {}

    /// Returns these options for a run with so many workers.
    func of(workers: Int) -> PolitenessOptions {
        var options = self
        options.crowd = CrowdControl(workers: workers)
        return options
    }

    /// The politeness towards hosts that one lane stands for: none, since what one of them says is
    /// not said for the others.
    static let ofManyHosts: PolitenessOptions = {
        var options = PolitenessOptions()
        options.adapts = false
        options.stopsOnDenials = false
        return options
    }()

    /// Returns the limits of a host.
    ///
    /// - Parameter name: As in `HostKey.name`.
    func limits(of name: String) -> HostLimits {
        rules.filter { $0.matches(name) }.map(\.limits)
            .reduce(HostLimits()) { $0.filled(by: $1) }.filled(by: limits)
    }
}
