internal import Glibc

/// The reason a text is no regular expression, in the system's words.
package struct PatternFault: Error, Equatable, CustomStringConvertible {
    package let description: String
}

/// A POSIX extended regular expression over bytes. As with `grep -E`, `^` and `$` stand for the ends
/// of a line, and `.` for any byte but a line feed and NUL.
package final class BytePattern {
    private let expression = UnsafeMutablePointer<regex_t>.allocate(capacity: 1)

    /// - Throws: `PatternFault` when the text is no expression, or holds a NUL, at which the system
    ///   would end it.
    package init(_ text: String) throws(PatternFault) {
        // Before anything throws: then `deinit` runs, too, which frees what is all zeros.
        expression.initialize(to: regex_t())
        guard !text.utf8.contains(0) else { throw PatternFault(description: "it holds a NUL") }
        let code = regcomp(expression, text, REG_EXTENDED | REG_NOSUB | REG_NEWLINE)
        guard code == 0 else {
            var words = [CChar](repeating: 0, count: 200)
            regerror(code, expression, &words, words.count)
            let end = words.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw PatternFault(description: String(decoding: end, as: UTF8.self))
        }
    }

    deinit {
        regfree(expression)
        expression.deallocate()
    }

    /// Whether the expression matches anywhere in `bytes`, which may hold NULs.
    ///
    /// - Parameter bytes: `Int32.max` at most.
    package func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var bounds = regmatch_t(rm_so: 0, rm_eo: regoff_t(bytes.count))
        // With REG_STARTEND the text is as long as the bounds say, not as the first NUL has it.
        guard let start = bytes.baseAddress else {
            return regexec(expression, "", 1, &bounds, REG_STARTEND) == 0
        }
        let text = start.assumingMemoryBound(to: CChar.self)
        return regexec(expression, text, 1, &bounds, REG_STARTEND) == 0
    }
}
