import Testing

@testable import Runner

@Suite struct DenialStreakTests {
    @Test func streak_begins_withTheFirstAnswers_andIsLongAtAThousand() {
        var streak = DenialStreak()
        #expect(!streak.isGoing && !streak.isMixed)
        streak.add(denials: 1, 401, others: 0)
        #expect(streak.isGoing && !streak.isMixed && streak.status == 401)
        streak.add(denials: 998, 401, others: 0)
        #expect(!streak.isLong)
        streak.add(denials: 1, 401, others: 0)
        #expect(streak.isLong)
    }

    @Test func streak_ends_atMoreThanOneOtherInAHundred() {
        var streak = DenialStreak()
        streak.add(denials: 500, 403, others: 0)
        streak.add(denials: 0, 0, others: 5)
        #expect(streak.isGoing)
        streak.add(denials: 0, 0, others: 1)
        #expect(!streak.isGoing && streak.isMixed)
    }

    @Test func denials_afterOthers_areAnswers_untilFiftyInARow() {
        var streak = DenialStreak()
        streak.add(denials: 0, 0, others: 3)
        streak.add(denials: 49, 401, others: 0)
        #expect(streak.isMixed)
        streak.add(denials: 0, 0, others: 1)
        streak.add(denials: 49, 401, others: 0)
        #expect(streak.isMixed)
        streak.add(denials: 1, 401, others: 0)
        #expect(streak.isGoing && !streak.isMixed)
    }

    @Test func anotherStatus_breaksTheStreak() {
        var streak = DenialStreak()
        streak.add(denials: 900, 401, others: 0)
        streak.add(denials: 300, 403, others: 0)
        #expect(!streak.isLong && streak.isMixed)
    }
}
