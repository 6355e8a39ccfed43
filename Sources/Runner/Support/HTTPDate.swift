/// Reads the dates of HTTP (RFC 9110, 5.6.7). Pure.
///
/// > A recipient that parses a timestamp value in an HTTP field MUST accept all three HTTP-date
/// > formats.
///
/// | form       |                                  |
/// |------------|----------------------------------|
/// | IMF-fixdate | `Sun, 06 Nov 1994 08:49:37 GMT`  |
/// | RFC 850    | `Sunday, 06-Nov-94 08:49:37 GMT` |
/// | asctime    | `Sun Nov  6 08:49:37 1994`       |
///
/// Servers come close to these forms more often than they keep to them. So names may be in any case,
/// the day's name and the zone may be missing, a day may have one digit and a year of RFC 850 four.
/// Any zone other than GMT and UTC makes it no date.
enum HTTPDate {
    /// Unix time in seconds; `nil` when the text is no date.
    ///
    /// - Parameter now: Unix time in seconds, from which a year of two digits is told.
    static func seconds(in text: UnsafeRawBufferPointer, atSeconds now: Int) -> Int? {
        var words = text.split { " ,-\t".utf8.contains($0) }
        // A number of the zone would lose its sign.
        guard words.count <= 6 else { return nil }
        if let first = words.first, isLetter(first), index(of: first, in: months) == nil {
            guard isDayName(first) else { return nil }
            words.removeFirst()
        }
        if let last = words.last, words.count == 5 {
            guard last.isASCII(equal: "gmt") || last.isASCII(equal: "utc") else { return nil }
            words.removeLast()
        }
        guard words.count == 4 else { return nil }
        let isOfC = isLetter(words[0])
        let (dayWord, monthWord) = isOfC ? (words[1], words[0]) : (words[0], words[1])
        let (timeWord, yearWord) = isOfC ? (words[2], words[3]) : (words[3], words[2])
        guard let day = number(dayWord, digits: 1...2),
            let month = index(of: monthWord, in: months),
            let written = number(yearWord, digits: 2...4), yearWord.count != 3,
            let time = time(timeWord)
        else { return nil }
        let year = yearWord.count == 2 ? fullYear(written, atSeconds: now) : written
        // Before the calendar of Gregory no server has an answer.
        guard year >= 1583, (1...daysInMonth(month, of: year)).contains(day) else { return nil }
        return daysSinceEpoch(year, month + 1, day) * 86_400 + time
    }

    /// Writes a time as an IMF-fixdate.
    ///
    /// - Parameter seconds: Unix time in seconds, as `seconds(in:)` gives it: of the years 1583 to
    ///   9999.
    static func text(seconds: Int) -> [UInt8] {
        var text: [UInt8] = []
        func append(name: StaticString) {
            text += name.withUTF8Buffer { name in
                name.enumerated().map { $0 == 0 ? $1 & ~0x20 : $1 }
            }
        }
        let day = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let (year, month, dayOfMonth) = date(ofDay: day)
        // 1 January 1970 was a Thursday.
        append(name: days[((day + 4) % 7 + 7) % 7])
        text.append(", ")
        text.append(decimal: dayOfMonth, digits: 2)
        text.append(" ")
        append(name: months[month - 1])
        text.append(" ")
        text.append(decimal: year, digits: 4)
        for (unit, separator): (Int, StaticString) in [(3600, " "), (60, ":"), (1, ":")] {
            text.append(separator)
            text.append(
                decimal: (seconds - day * 86_400) / unit % (unit == 3600 ? 24 : 60), digits: 2)
        }
        text.append(" GMT")
        return text
    }

    private static let months: [StaticString] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
    private static let days: [StaticString] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    private static let longDays: [StaticString] = [
        "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
    ]

    private typealias Word = Slice<UnsafeRawBufferPointer>

    private static func isLetter(_ word: Word) -> Bool {
        word.first.map { (0x61...0x7A).contains($0 | 0x20) } ?? false
    }

    private static func index(of word: Word, in names: [StaticString]) -> Int? {
        names.firstIndex { word.isASCII(equal: $0) }
    }

    private static func isDayName(_ word: Word) -> Bool {
        index(of: word, in: days) != nil || index(of: word, in: longDays) != nil
    }

    private static func number(_ word: Word, digits: ClosedRange<Int>) -> Int? {
        guard digits.contains(word.count), word.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return word.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// The seconds of a day that `hh:mm:ss` stands for. A leap second counts as the next one.
    private static func time(_ word: Word) -> Int? {
        let parts = word.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 3, let hours = number(parts[0], digits: 2...2),
            let minutes = number(parts[1], digits: 2...2),
            let seconds = number(parts[2], digits: 2...2), hours < 24, minutes < 60, seconds <= 60
        else { return nil }
        return hours * 3600 + minutes * 60 + seconds
    }

    /// The year that two digits stand for.
    ///
    /// > Recipients of a timestamp value in rfc850-date format, which uses a two-digit year, MUST
    /// > interpret a timestamp that appears to be more than 50 years in the future as representing
    /// > the most recent year in the past that had the same last two digits.
    private static func fullYear(_ digits: Int, atSeconds now: Int) -> Int {
        // The year of now, right but for some hours around its beginning.
        let thisYear = 1970 + now / 31_556_952
        let year = thisYear - thisYear % 100 + digits
        return year > thisYear + 50 ? year - 100 : year
    }

    private static func daysInMonth(_ month: Int, of year: Int) -> Int {
        guard month == 1 else { return [3, 5, 8, 10].contains(month) ? 30 : 31 }
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    }

    /// The date that lies so many days after 1 January 1970.
    ///
    /// - SeeAlso: <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>
    private static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int) {
        // From 1 March of the year 0.
        let day = day + 719_468
        let era = day / 146_097
        let dayOfEra = day - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * month + 2) / 5 + 1
        let year = yearOfEra + era * 400
        return month < 10
            ? (year, month + 3, dayOfMonth) : (year + 1, month - 9, dayOfMonth)
    }

    /// Days from 1 January 1970.
    ///
    /// - SeeAlso: <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>
    private static func daysSinceEpoch(_ year: Int, _ month: Int, _ day: Int) -> Int {
        // Years begin in March, so that a leap day is the last of its year.
        let year = month <= 2 ? year - 1 : year
        let era = year / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
