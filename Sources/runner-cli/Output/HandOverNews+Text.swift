import JobStore
import Runner

extension HandOverNews {
    /// The words about it, after a prefix that names the option.
    var sentence: String {
        switch self {
        case .said(let file, let line): "\(file): \(line)"
        case .handed(let file): "\(file) is handed over"
        case .gone(let file):
            "\(file) is no longer in the output folder, so it counts as handed over"
        case .failed(let file, let reason, let wait):
            "\(file): \(reason); again in \(Format.duration(wait))"
        case .left(let count):
            "\(count) sealed \(count == 1 ? "file is" : "files are") not handed over; run again with --on-seal"
        }
    }

    /// Whether it is said where no progress is shown, too.
    var isTrouble: Bool {
        switch self {
        case .handed: false
        case .said, .gone, .failed, .left: true
        }
    }
}
