internal import JobStore

extension ListRequests {
    /// The lines of some jobs of a block, and where their URLs are.
    final class Lines: Sendable {
        /// The position of the block's first job.
        private let first: Int
        /// The jobs, by rising position, as their distances from the first; `nil` for all of the
        /// block.
        private let offsets: [UInt16]?
        private let lines: ListLines
        /// Bytes that hold the URLs: those of the lines where these are the URLs, so that a line is
        /// in memory once.
        private let urls: [UInt8]
        private let places: [Place]

        /// - Returns: `nil` when a line has no URL.
        init?(_ lines: ListLines, first: Int, offsets: [UInt16]? = nil, of source: JobList) {
            var places: [Place] = []
            places.reserveCapacity(lines.count)
            if source.request.isWholeURL {
                urls = lines.bytes
                for index in 0..<lines.count {
                    guard let url = lines.firstField(ofLine: index) else { return nil }
                    places.append(Place(url.indices, in: urls))
                }
            } else {
                var urls: [UInt8] = []
                for index in 0..<lines.count {
                    let start = urls.count
                    let position = first + (offsets.map { Int($0[index]) } ?? index)
                    urls += source.url(of: lines.fields(ofLine: index), at: position)
                    places.append(Place(start..<urls.count, in: urls))
                }
                self.urls = urls
            }
            (self.first, self.offsets, self.lines, self.places) = (first, offsets, lines, places)
        }

        /// Returns a copy of the lines of some of the jobs.
        ///
        /// - Parameter positions: The positions of these jobs, by rising position.
        func only(_ positions: [Int], of source: JobList) -> Lines? {
            Lines(
                lines.only(positions.map(index)), first: first,
                offsets: positions.map { UInt16($0 - first) }, of: source)
        }

        /// The bytes of the lines.
        var byteCount: Int { lines.bytes.count }

        /// The index of a job's line.
        private func index(of position: Int) -> Int {
            let offset = position - first
            guard let offsets else { return offset }
            var (low, high) = (0, offsets.count)
            while low < high {
                let middle = (low + high) / 2
                if Int(offsets[middle]) < offset {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            precondition(
                low < offsets.count && Int(offsets[low]) == offset,
                "a job's line is kept until its mark is in the queue")
            return low
        }

        private func place(_ position: Int) -> Place { places[index(of: position)] }

        /// The fields of a job's line; a field that the line does not have is `nil`.
        func fields(at position: Int) -> [ArraySlice<UInt8>?] {
            lines.fields(ofLine: index(of: position))
        }

        /// Scheme, user, host and port of a job's URL.
        func authority(at position: Int) -> ArraySlice<UInt8> {
            let place = place(position)
            return urls[Int(place.start)..<Int(place.authorityEnd)]
        }

        func url(at position: Int) -> ArraySlice<UInt8> {
            let place = place(position)
            return urls[Int(place.start)..<Int(place.end)]
        }

        /// The path and query, when both may be sent as they are written.
        func target(at position: Int) -> ArraySlice<UInt8>? {
            let place = place(position)
            return place.isPlain ? urls[Int(place.authorityEnd)..<Int(place.end)] : nil
        }
    }

    /// The place of a URL among bytes, and of its parts.
    private struct Place {
        let start: UInt32
        /// The end of scheme, user, host and port.
        let authorityEnd: UInt32
        let end: UInt32
        /// Whether path and query may be sent as they are written.
        let isPlain: Bool

        init(_ url: Range<Int>, in bytes: [UInt8]) {
            let authority = bytes.authorityStart(from: url.lowerBound, to: url.upperBound)
            let authorityEnd = bytes.authorityEnd(from: authority, to: url.upperBound)
            let target = bytes[authorityEnd..<url.upperBound]
            isPlain =
                target.first == UInt8(ascii: "/") && target.allSatisfy(\.isPlainInTarget)
                && !PlainTarget.hasDots(target)
            start = UInt32(url.lowerBound)
            self.authorityEnd = UInt32(authorityEnd)
            end = UInt32(url.upperBound)
        }
    }
}
