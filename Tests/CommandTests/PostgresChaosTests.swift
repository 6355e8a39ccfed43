import Foundation
import TestPostgres
import TestSupport
import Testing

/// A fleet to whose runs, connections, server and disk anything may happen: each job is counted once,
/// and has one record in one of the folders, as an independent reader finds.
///
/// `RUNNER_TEST_FLEET_ROUNDS=20 RUNNER_TEST_JOBS=200000 RUNNER_TEST_WORKERS=10` is the full length;
/// from 100,000 jobs on, runs also stand still for longer than a lease.
@Suite(.serialized) struct PostgresChaosTests {
    @Test(.timeLimit(.minutes(600)))
    func fleet_underChaos_keepsEachRecordOnce() async throws {
        let seed = testSeed(for: "fleet_underChaos")
        let server = try Self.server()
        for round in 0..<setting("RUNNER_TEST_FLEET_ROUNDS", default: 1) {
            let seed = seed &+ UInt64(round)
            var fleet = try await ChaosFleet(
                seed: seed, jobs: setting("RUNNER_TEST_JOBS", default: 12_000),
                workers: setting("RUNNER_TEST_WORKERS", default: 6), on: server)
            do { try await fleet.run() } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
            let seen = try await fleet.expectEachOnce("seed \(seed)")
            print("fleet_underChaos: RUNNER_TEST_SEED=\(seed): \(seen)")
        }
    }

    /// A server with a disk that can be filled, where that can be had.
    private static func server() throws -> PostgresServer {
        let isGiven = ProcessInfo.processInfo.environment["RUNNER_TEST_POSTGRES"] != nil
        guard geteuid() == 0, Mounts.areAllowed, !isGiven else {
            print("fleet_underChaos: a full disk is not tried: that takes root, and a server here")
            return try PostgresServer.shared
        }
        return try PostgresServer(diskMegabytes: 400)
    }
}
