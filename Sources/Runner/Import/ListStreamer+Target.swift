public import JobStore
internal import Lists

extension ListStreamer {
    /// The place where the jobs of a list go.
    public enum Target: Sendable {
        /// A new batch, with a label. A list from a file that another import adds is refused,
        /// unless it may be repeated.
        case newBatch(BatchLabel, mayRepeat: Bool)
        /// A batch that is not complete; the list is read on behind what was taken.
        case batch(UnfinishedList)
    }

    /// The state of the list when the import ended.
    public struct Result: Sendable {
        /// The batch; `nil` when it has no job.
        public let batch: Batch?
        /// The positions of the jobs that this import added.
        public let added: Range<Int>
        public let counts: ListImporter.Counts
        public let taken: TakenPart
        /// Whether the list was read to its end. Otherwise the import was stopped.
        public let isComplete: Bool
    }

    /// The functions that an import calls.
    public struct Calls {
        /// Called once before the first row is taken, with the list that is gone on with; `nil` for
        /// a new one. If it throws, the import ends so.
        public let began: (UnfinishedList?) throws -> Void
        /// Called for each row that is no request. If it throws, the import ends so.
        public let rejected: (ListImporter.Rejection) throws -> Void
        /// Called before each transaction, for what must not be lost once the rows count as taken.
        public let committing: () throws -> Void
        /// Called after each transaction. If it throws, the import ends so.
        public let progressed: (ListImporter.Counts) throws -> Void
        /// Returns the key of the list once it is complete, by the number of its file's bytes that
        /// were read; `nil` for none. A pipe has none.
        public let key: (_ bytesRead: Int) throws -> String?

        public init(
            began: @escaping (UnfinishedList?) throws -> Void,
            rejected: @escaping (ListImporter.Rejection) throws -> Void,
            committing: @escaping () throws -> Void,
            progressed: @escaping (ListImporter.Counts) throws -> Void,
            key: @escaping (_ bytesRead: Int) throws -> String?
        ) {
            self.began = began
            self.rejected = rejected
            self.committing = committing
            self.progressed = progressed
            self.key = key
        }
    }
}

extension ListOrigin {
    /// The origin of a list's file; `nil` for a pipe.
    init?(of list: ListSource) throws(ImportError) {
        do throws(ListError) {
            guard let beginning = try list.beginning() else { return nil }
            self.init(beginning)
        } catch {
            throw ImportError(error)
        }
    }

    init(_ beginning: ListBeginning) {
        self.init(name: beginning.name, byteCount: beginning.byteCount, hash: beginning.hash)
    }
}
