import ArgumentParser
import Runner

/// The word that lifts a limit.
enum Lifted {
    static let word = "none"
}

/// A limit, or the word `none`, which lifts one.
struct Liftable<Value: ExpressibleByArgument & Equatable & Sendable>: ExpressibleByArgument {
    let bound: LimitChange.Bound<Value>

    init?(argument: String) {
        if argument == Lifted.word {
            bound = .lifted
        } else {
            guard let value = Value(argument: argument) else { return nil }
            bound = .most(value)
        }
    }
}
