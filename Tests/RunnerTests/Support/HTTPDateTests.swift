import Testing

@testable import Runner

/// The dates of HTTP, and those that curl reads beyond them (its test 517): of these, what is not
/// one of the three forms, nor nearly one, is no date here. A wrong guess at a server's wait would be
/// worse than none.
@Suite struct HTTPDateTests {
    /// 21 October 2026.
    private static let now = 1_792_540_800

    private func seconds(_ text: String, at now: Int = Self.now) -> Int? {
        Array(text.utf8).withUnsafeBytes { HTTPDate.seconds(in: $0, atSeconds: now) }
    }

    @Test(arguments: [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
        ("Sun Nov  6 08:49:37 1994", 784_111_777),
        ("Sun Nov 6 08:49:37 1994", 784_111_777),
        // Close enough.
        ("06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("06-Nov-94 08:49:37 GMT", 784_111_777),
        ("Nov  6 08:49:37 1994", 784_111_777),
        ("06 Nov 1994 08:49:37", 784_111_777),
        ("06-Nov-94 08:49:37", 784_111_777),
        ("sun, 06 NOV 1994 08:49:37 utc", 784_111_777),
        ("Thu, 01-Jan-1970 00:59:59 GMT", 3599),
        ("Thu, 01-Jan-1970 01:00:00 GMT", 3600),
        ("Thu, 01-Jan-1970 00:00:00 GMT", 0),
        ("Sat, 15-Apr-17 21:01:22 GMT", 1_492_290_082),
        ("Thu, 19-Apr-2007 16:00:00 GMT", 1_176_998_400),
        ("Wed, 25 Apr 2007 21:02:13 GMT", 1_177_534_933),
        ("Fri, 1 Jan 2010 01:01:50 GMT", 1_262_307_710),
        ("Wednesday, 1-Jan-2003 00:00:00 GMT", 1_041_379_200),
        (", 1-Jan-2003 00:00:00 GMT", 1_041_379_200),
        ("Wed,18-Apr-07 22:50:12 GMT", 1_176_936_612),
        ("Mon, 18-Apr-1977 22:50:13 GMT", 230_251_813),
        ("Thu Apr 18 22:50:12 2007 GMT", 1_176_936_612),
        ("15 Apr 21:01:22 2017", nil),
        ("Wed, 31 Dec 2008 23:59:60 GMT", 1_230_768_000),
        ("Thu, 31-Dec-1969 23:59:58 GMT", -2),
        ("Thu, 31-Dec-1969 23:59:59 GMT", -1),
        ("Sun, 06 Nov 2044 08:49:37 GMT", 2_362_034_977),
        ("Sun, 06 Nov 3144 08:49:37 GMT", 37_074_617_377),
        ("Sun, 06 Nov 1900 08:49:37 GMT", -2_182_259_423),
        ("Sun, 06 Nov 1800 08:49:37 GMT", -5_337_933_023),
        ("Thu, 01-Jan-1583 00:00:00 GMT", -12_212_553_600),
        ("Sun, 06 Nov 1968 08:49:37 GMT", -36_342_623),
        ("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800),
    ])
    func aDate_isRead(text: String, seconds: Int?) {
        #expect(self.seconds(text) == seconds, "\(text)")
    }

    @Test(arguments: [
        "", " ", "soon", "IAintNoDateFool", "1994 Nov 6 08:49:37", "94 6 Nov 08:49:37",
        "GMT 08:49:37 06-Nov-94 Sunday", "1994 Nov 6", "06-Nov-94", "1994.Nov.6",
        "Sun/Nov/6/94/GMT",
        "Sun, 06 Nov 1994 08:49:37 CET", "06 Nov 1994 08:49:37 EST",
        "Sun, 12 Sep 2004 15:05:58 -0700", "Sat, 11 Sep 2004 21:32:11 +0200", "20040912 15:05:58",
        "Thu, 19/Apr\\2007 16:00:00 GMT", "WillyWonka  , 18-Apr-07 22:50:12 GMT",
        "Sat, 15-Apr-17\"21:01:22\"GMT", "Partyday, 18- April-07 22:50:12",
        "Wednes, 1-Januar-2003 00:00:00 GMT", "Sat, 15-Apr-17 21:01:22 GMT-2",
        "Sat, 15-Apr-17 21:01:22 GMT BLAH", "Sat, 15-Apr-17 21:01:22 GMT-0400 (EDT)",
        "Sat, 15-Apr-17 21:01:22 DST", "Sat, 15-Apr-17 21:01:22 -0400",
        "Sat, 15-Apr-17 21:01:22 (hello there)", "Sat, 15-Apr-17 21:01:22 11:22:33",
        "Sat, 15-Apr-17 ::00 21:01:22", "22:50:12 Thu Apr 18 2007 GMT", "2017 April 15 21:01:22",
        "Thu, 012-Aug-2008 20:49:07 GMT", "Thu, 999999999999-Aug-2007 20:49:07 GMT",
        "Thu, 12-Aug-2007 20:61:99999999999 GMT", "Thu Apr 18 22:50 2007 GMT", "20110623 12:34:56",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 32 Oct 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT", "Wed, 29 Feb 2023 00:00:00 GMT",
        "Mon, 29 Feb 2100 00:00:00 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
        "Thu, 01-Jan-1499 00:00:00 GMT", "Sun, 06 Nov 994 08:49:37 GMT",
        "2026-11-21", "2026-11-21T10:00:00Z",
    ])
    func whatIsNoDate_isNone(text: String) {
        #expect(seconds(text) == nil)
    }

    /// A year more than fifty years ahead is past (RFC 9110, 5.6.7).
    @Test(arguments: [
        ("26", 2026), ("27", 2027), ("76", 2076), ("77", 1977), ("99", 1999), ("00", 2000),
        ("25", 2025),
    ])
    func aYearOfTwoDigits_isTheNearest(digits: String, year: Int) throws {
        let long = seconds("Friday, 01-Jan-\(year) 00:00:00 GMT")
        #expect(long != nil && seconds("Friday, 01-Jan-\(digits) 00:00:00 GMT") == long)
    }

    @Test(arguments: [1968...1972, 1999...2001, 2023...2025, 2099...2101])
    func everyDay_isOneMoreThanTheDayBefore(years: ClosedRange<Int>) {
        let months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(separator: " ")
        var next: Int?
        for year in years {
            for month in months {
                for day in 1...31 {
                    guard let found = seconds("\(day) \(month) \(year) 00:00:00") else {
                        #expect(day > 28, "\(day) \(month) \(year)")
                        continue
                    }
                    #expect(found == next ?? found, "\(day) \(month) \(year)")
                    next = found + 86_400
                }
            }
        }
    }

    @Test(arguments: [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (-12_212_553_600, "Sat, 01 Jan 1583 00:00:00 GMT"),
        (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ])
    func text_isAnIMFFixdate(seconds: Int, text: String) {
        #expect(String(decoding: HTTPDate.text(seconds: seconds), as: UTF8.self) == text)
    }

    @Test func text_isReadAsItWas() {
        // Each day of the calendar for a while, and times all over it.
        for seconds in stride(from: -12_212_553_600, through: 253_402_300_799, by: 86_399 * 97) {
            let text = HTTPDate.text(seconds: seconds)
            let read = text.withUnsafeBytes { HTTPDate.seconds(in: $0, atSeconds: Self.now) }
            #expect(read == seconds, "\(String(decoding: text, as: UTF8.self))")
        }
    }
}
