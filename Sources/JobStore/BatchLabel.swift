/// The facts about a batch that its enqueuer chooses, apart from the jobs.
public struct BatchLabel: Equatable, Sendable {
    /// A name for this enqueue, by which its repetition is recognised; `nil` for none.
    public let key: String?
    /// The name that people call the batch by, unique within the queue; `nil` for none.
    public let name: String?
    /// The rank of the batch among others: jobs of batches with a higher priority are claimed first.
    public let priority: Int
    /// The batch of whose jobs these are copies, position by position, and by whose validators they
    /// are asked for; `nil` where they are asked for plainly. Not each store does it
    /// (`JobQueue.checkKeepsValidators`).
    public let conditionalOn: Batch.ID?

    /// - Precondition: `name` is as `isName` wants it, and `priority` is one of `priorities`.
    public init(
        key: String? = nil, name: String? = nil, priority: Int = 0,
        conditionalOn: Batch.ID? = nil
    ) {
        self.conditionalOn = conditionalOn
        precondition(name.map(Self.isName) ?? true, "a batch has a name that is one")
        precondition(Self.priorities.contains(priority), "a priority is within its bounds")
        self.key = key
        self.name = name
        self.priority = priority
    }

    /// The priorities that a batch may have.
    public static let priorities = -1000...1000
    /// The most bytes of a name.
    public static let nameBytesMax = 200

    /// Whether a text can be a name: 1 to `nameBytesMax` bytes without control characters, and not
    /// digits alone, which are an ID.
    public static func isName(_ text: String) -> Bool {
        1...nameBytesMax ~= text.utf8.count
            && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
            && !text.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
    }
}
