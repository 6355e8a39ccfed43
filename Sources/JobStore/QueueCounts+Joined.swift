extension QueueCounts {
    /// The counts of two queues, or batches, taken together.
    public func joined(with other: QueueCounts) -> QueueCounts {
        var groups: [Group] = []
        var places: [String: Int] = [:]
        for group in outcomes + other.outcomes {
            let key = "\(group.state) \(group.label)"
            if let place = places[key] {
                groups[place] = Group(
                    label: group.label, state: group.state,
                    count: groups[place].count + group.count)
            } else {
                places[key] = groups.count
                groups.append(group)
            }
        }
        return QueueCounts(
            total: total + other.total, running: running + other.running,
            retriesRunning: retriesRunning + other.retriesRunning,
            outcomes: Self.ordered(groups), runs: runs + other.runs,
            isRunKnown: isRunKnown && other.isRunKnown)
    }
}
