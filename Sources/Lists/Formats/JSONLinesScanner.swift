/// Reads one JSON object a line, whose members describe a request.
final class JSONLinesScanner {
    private let cutter: LineCutter
    private let place: ReadingPlace
    private let rowBytesMax: Int
    private let requests: JSONRequestReader

    init(_ window: ByteWindow, _ place: ReadingPlace, _ options: ListOptions) {
        cutter = LineCutter(window, place, lineBytesMax: options.rowBytesMax)
        self.place = place
        rowBytesMax = options.rowBytesMax
        requests = JSONRequestReader(headerBytesMax: options.rowBytesMax)
    }

    func next() throws(ListError) -> ListRow? {
        while let line = try cutter.next() {
            switch line {
            case .whole(let line):
                if line.withoutOuterBlanks.isEmpty {
                    place.blankLines += 1
                    continue
                }
                return row(of: line)
            case .tooLong(let excerpt):
                return .rejected(.tooLong(place.lineNumber, rowBytesMax, of: excerpt))
            }
        }
        return nil
    }

    private func row(of line: UnsafeRawBufferPointer) -> ListRow {
        guard TextCheck.isUTF8(line) else { return .rejected(.notUTF8(place.lineNumber, of: line)) }
        do throws(JSONFault) {
            return .row(try requests.read(line))
        } catch {
            return .rejected(
                ListRejection(place.lineNumber, error.reason, error.description, of: line))
        }
    }
}
