internal import JobStore

/// Reads the format `warc`, in which each record is a gzip member. Each record is checked as a
/// whole.
final class WARCReader: RecordReader {
    private let gunzip: Gunzip
    private let complaints: Complaints
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    private let blockDigest = Digest(.sha1)
    private let payloadDigest = Digest(.sha1)
    /// Whether the next record must be the file's `warcinfo`.
    private var isFirst: Bool
    /// The ID of the response whose request must come next; `nil` when none must.
    private var lastResponseID: String?
    /// The ID of the response that failed its job, whose metadata must come next; `nil` when none
    /// must.
    private var failureID: String?
    /// Where the record being read begins in the file.
    private var begin = 0

    init(_ file: FileToRead) {
        gunzip = Gunzip(file.bytes)
        isFirst = file.isFromBeginning
        complaints = file.complaints
    }

    deinit { buffer.deallocate() }

    func next() throws(Damage) -> JobRecord? {
        while true {
            begin = gunzip.offset
            guard try gunzip.nextMember() else { break }
            if let job = try readRecord() { return job }
        }
        if lastResponseID != nil {
            lastResponseID = nil
            complaints.add("ends with a response without its request")
        } else if failureID != nil {
            failureID = nil
            complaints.add("ends with the response of a failure without its metadata")
        }
        return nil
    }

    /// - Returns: The job the record is about; `nil` when it is about none.
    private func readRecord() throws(Damage) -> JobRecord? {
        let count = try gunzip.readMember(into: buffer)
        let header: WARCHeader
        do throws(WARCHeader.Malformed) {
            header = try WARCHeader(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        } catch {
            complain(error.description)
            while try gunzip.readMember(into: buffer) > 0 {}
            return nil
        }
        try readBlock(header, inBuffer: header.bytes..<count)
        checkOrder(header)
        // A response that led on to another URL is not yet the job's; what failed it is told of by
        // the metadata that follow.
        let isLast = header.isResponse && !header.isHop && !header.isOfFailure
        guard isLast || header.type == "metadata" else {
            return nil
        }
        guard let batchID = header.batchID, let id = header.jobID else {
            complain("does not say which job it is about")
            return nil
        }
        return JobRecord(batchID: batchID, id: id, isCompleted: header.isResponse)
    }

    private func complain(_ what: String) { complaints.add("record at byte \(begin): \(what)") }

    // MARK: - The block

    /// Reads to the end of the record, and compares what was read with what its header says.
    ///
    /// - Parameter inBuffer: The part of `buffer` that was read behind the header, from the block's
    ///   first byte on.
    private func readBlock(
        _ header: WARCHeader, inBuffer: Range<Int>
    ) throws(Damage) {
        // > For application/http the payload is the entity-body. (WARC 1.1, 6.3.2)
        // Else it is the block.
        var head: BlankLine? = header.contentType.hasPrefix("application/http") ? BlankLine() : nil
        var left = header.contentLength
        var tail: [UInt8] = []
        var piece = inBuffer
        blockDigest.reset()
        payloadDigest.reset()
        while true {
            let block = piece.prefix(left)
            left -= block.count
            take(UnsafeRawBufferPointer(rebasing: buffer[block]), &head)
            tail += buffer[block.upperBound..<piece.upperBound].prefix(5 - tail.count)
            let count = try gunzip.readMember(into: buffer)
            if count == 0 { break }
            piece = 0..<count
        }
        guard left == 0, tail == Array("\r\n\r\n".utf8) else {
            return complain("its Content-Length is not its length")
        }
        if head != nil { return complain("its block is not HTTP") }
        checkDigests(header)
    }

    private func take(_ block: UnsafeRawBufferPointer, _ head: inout BlankLine?) {
        blockDigest.update(block)
        var payload = block[...]
        if let end = head?.find(in: block) {
            payload = block[end...]
            head = nil
        }
        if head == nil { payloadDigest.update(UnsafeRawBufferPointer(rebasing: payload)) }
    }

    private func checkDigests(_ header: WARCHeader) {
        let block = "sha1:" + Base32.text(blockDigest.finish())
        let payload = "sha1:" + Base32.text(payloadDigest.finish())
        if header.isResponse, header.blockDigest == nil {
            complain("has no WARC-Block-Digest")
        }
        if block != header.blockDigest ?? block {
            complain("its block is not what was written: WARC-Block-Digest differs")
        }
        if payload != header.payloadDigest ?? payload {
            complain("its payload is not what was written: WARC-Payload-Digest differs")
        }
    }

    // MARK: - Order

    /// Checks the order of records: a file is `warcinfo`, then for each job a `response`, or a `revisit` of
    /// what has not changed, and its `request`, or, where it failed, `metadata`, behind the response and request that failed it.
    private func checkOrder(_ header: WARCHeader) {
        if isFirst, header.type != "warcinfo" { complain("is not warcinfo") }
        isFirst = false
        switch (header.type, lastResponseID) {
        case ("request", let id?):
            if header.concurrentTo != id { complain("is the request of another response") }
        case ("request", nil): complain("is the request of no response")
        case (_, _?): complain("stands where the request of the response before it belongs")
        case (let type, nil) where failureID != nil && type != "metadata":
            complain("stands where the metadata of the failure before it belong")
        case ("warcinfo", nil), ("response", nil), ("revisit", nil), ("metadata", nil): break
        default: complain("is of an unknown type")
        }
        lastResponseID = header.isResponse ? header.recordID : nil
        switch header.type {
        case "response", "revisit":
            failureID = header.isOfFailure && !header.isHop ? header.recordID : nil
        case "metadata":
            if header.concurrentTo != failureID ?? "" { complain("are of another response") }
            failureID = nil
        default: break
        }
    }
}
