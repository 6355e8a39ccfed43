internal import Foundation

/// SplitMix64: a generator that gives the same numbers for the same seed.
/// - SeeAlso: <https://prng.di.unimi.it/splitmix64.c>
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// The seed of a test that draws at random: printed, and taken back from `RUNNER_TEST_SEED`.
public func testSeed(for test: String) -> UInt64 {
    let given = ProcessInfo.processInfo.environment["RUNNER_TEST_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: 0...UInt64.max)
    print("\(test): RUNNER_TEST_SEED=\(seed)")
    return seed
}

/// A number that a longer run of a test gives in its environment.
public func setting(_ name: String, default value: Int) -> Int {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? value
}
