/// What an `Origin` does when `/{id}` is asked for.
public enum Behaviour: Sendable {
    /// Answers 200 at once.
    case immediate

    /// Answers 200 after a whole number of seconds, each in the range equally likely.
    ///
    /// `0...3` is the server that posts on fetching a million pages measure against:
    /// `await asyncio.sleep(random.randint(0, 3))`.
    case randomDelay(seconds: ClosedRange<Int>)
}
