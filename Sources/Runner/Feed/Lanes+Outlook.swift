internal import JobStore

extension Lanes {
    /// Looks at a lane where it is. `lanes.values[index]` alone is a copy of the lane, which costs
    /// a dozen references.
    mutating func inPlace<Result>(
        _ index: Dictionary<Host.ID, Lane>.Index, _ look: (inout Lane) -> Result
    ) -> Result {
        look(&lanes.values[index])
    }

    /// The meaning of a changed lane to the others.
    struct Outlook {
        let isPaceChanged, isCrowded, isTripped, isDenied: Bool
        let nextRoomMicros, nextProbeMicros: Int?
        /// The order in which the lane gets a place; `nil` where it has one, or needs none.
        let paceToQueue: Lane.Pace?
        let isDone: Bool

        init(of lane: inout Lane) {
            isPaceChanged = lane.pacing.isChanged
            isCrowded = lane.isCrowded
            isTripped = lane.isTripped
            nextRoomMicros = lane.nextRoomMicros
            isDenied = isTripped && lane.isDenied
            nextProbeMicros = isTripped ? lane.nextProbeMicros : nil
            let isToQueue = !isTripped && !lane.isQueued && lane.canTake
            if isToQueue { lane.isQueued = true }
            paceToQueue = isToQueue ? lane.pace : nil
            isDone = !isTripped && !lane.isQueued && lane.isAtRest
        }
    }
}
