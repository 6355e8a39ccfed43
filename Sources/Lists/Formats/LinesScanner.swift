/// Reads one value a line.
final class LinesScanner {
    private let cutter: LineCutter
    private let place: ReadingPlace
    private let rowBytesMax: Int
    private let fields = FieldBuffer(countMax: 1)

    init(_ window: ByteWindow, _ place: ReadingPlace, _ options: ListOptions) {
        cutter = LineCutter(window, place, lineBytesMax: options.rowBytesMax)
        self.place = place
        rowBytesMax = options.rowBytesMax
    }

    func next() throws(ListError) -> ListRow? {
        while let line = try cutter.next() {
            switch line {
            case .whole(let line):
                if line.first == UInt8(ascii: "#") {
                    place.comments += 1
                    continue
                }
                let value = line.withoutOuterBlanks
                if value.isEmpty {
                    place.blankLines += 1
                    continue
                }
                return row(of: value, in: line)
            case .tooLong(let excerpt):
                if excerpt.first == UInt8(ascii: "#") {
                    place.comments += 1
                    continue
                }
                return .rejected(.tooLong(place.lineNumber, rowBytesMax, of: excerpt))
            }
        }
        return nil
    }

    private func row(
        of value: UnsafeRawBufferPointer, in line: UnsafeRawBufferPointer
    ) -> ListRow {
        if !TextCheck.isPrintableASCII(value) {
            if let byte = TextCheck.firstControlByte(in: value) {
                return .rejected(.controlByte(place.lineNumber, byte, of: line))
            }
            if !TextCheck.isUTF8(value) { return .rejected(.notUTF8(place.lineNumber, of: line)) }
        }
        fields.removeAll()
        fields.append(value)
        return fields.row()
    }
}

extension ListRejection {
    static func tooLong(
        _ lineNumber: Int, _ bytesMax: Int, of entry: some Sequence<UInt8>
    ) -> ListRejection {
        ListRejection(lineNumber, .tooLong, "has more than \(bytesMax) bytes", of: entry)
    }

    static func controlByte(
        _ lineNumber: Int, _ byte: UInt8, of entry: some Sequence<UInt8>
    ) -> ListRejection {
        let name = String(byte, radix: 16, uppercase: true)
        return ListRejection(
            lineNumber, .controlByte,
            "holds a control byte, 0x\(name.count == 1 ? "0" : "")\(name)", of: entry)
    }

    static func notUTF8(_ lineNumber: Int, of entry: some Sequence<UInt8>) -> ListRejection {
        ListRejection(lineNumber, .notUnicode, "is not UTF-8", of: entry)
    }
}
