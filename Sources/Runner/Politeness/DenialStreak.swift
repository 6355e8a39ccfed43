/// Answers of a host that deny access, one after the other. Pure.
///
/// Where all of a host's answers are the same 401, 403 or 407, the credentials are wrong, not the
/// jobs. These jobs wait then, and where a thousand answers say the same, the host is asked no more.
struct DenialStreak: Sendable {
    /// The answers of a streak after which the host is asked no more.
    static let countMax = 1000
    /// The denials in a row that begin a streak where the host has answered otherwise before.
    private static let beginMin = 50

    /// The status of the last denials; 0 when there were none.
    private(set) var status: UInt16 = 0
    /// Denials in a row.
    private var inARow = 0
    /// The denials of the streak; 0 while there is none.
    private var denied = 0
    /// The other answers in the streak.
    private var others = 0
    /// Whether the host has answered otherwise.
    private var hasOthers = false

    /// Whether a status denies access.
    static func isDenial(_ status: Int) -> Bool { status == 401 || status == 403 || status == 407 }

    /// Takes in final answers.
    ///
    /// - Parameters:
    ///   - denials: The number of those that had `status`, which denies access.
    ///   - others: The number of all others.
    mutating func add(denials: Int, _ status: UInt16, others: Int) {
        guard denials == 0 || self.status == 0 || status == self.status else {
            end()
            self.status = status
            inARow = denials
            return
        }
        if denials > 0 { self.status = status }
        if isGoing {
            denied += denials
            self.others += others
            // Now and then one is answered otherwise.
            if 100 * self.others > denied + self.others { end() }
            return
        }
        if others > 0 {
            hasOthers = true
            inARow = 0
        } else {
            inARow += denials
            if inARow > 0, !hasOthers || inARow >= Self.beginMin { denied = inARow }
        }
    }

    private mutating func end() {
        (denied, others, inARow) = (0, 0, 0)
        hasOthers = true
    }

    /// Whether the host denies access to all that it is asked, as far as is known.
    var isGoing: Bool { denied > 0 }
    /// Whether the host is known to answer otherwise, too, so that a denial is an answer.
    var isMixed: Bool { hasOthers && !isGoing }
    /// Whether there are enough such answers to ask no more.
    var isLong: Bool { denied + others >= Self.countMax }
}
