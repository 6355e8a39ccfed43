import Foundation
import TestSupport
import Testing

/// The manifests of deploy/kubernetes fit the schemas of Kubernetes, strictly: of the first version
/// that they are for, and of one that was new when this was written.
@Suite struct ManifestTests {
    private let program = Program()
    private static let folder = Tools.repository + "/deploy/kubernetes"

    private func check(_ files: [String]) async throws -> Program.Result {
        let arguments = ["-B", try Tools.script("check_manifests.py"), "1.29,1.37"] + files
        return try await program.start(Tools.python, arguments).wait()
    }

    @Test func eachManifest_fitsKubernetes() async throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder).sorted()
        #expect(names == ["fleet.yaml", "indexed-job.yaml", "job.yaml"])
        let checked = try await check(names.map { "\(Self.folder)/\($0)" })
        #expect(checked.status == 0, "\(checked.err)")
        #expect(checked.out.split(separator: "\n").count == 6, "\(checked.out)")
    }

    /// Breaks a manifest in one place: it must be refused, with words that say where.
    @Test(arguments: [
        ("fleet", "replicas: 8", "replica: 8", "spec: Additional properties", "'replica'"),
        ("fleet", "replicas: 8", "replicas: '8'", "spec.replicas", "not of type 'integer'"),
        ("fleet", "replicas: 8", "replicas: 8\n  replicas: 9", "fleet.yaml", "there twice"),
        ("fleet", "replicas: 8", "\treplicas: 8", "fleet.yaml", "cannot start any token"),
        ("fleet", "apps/v1", "apps/v1beta9", "StatefulSet", "apps/v1beta9"),
        ("fleet", "kind: StatefulSet\n", "", "fleet.yaml", "without apiVersion and kind"),
        (
            "fleet", "- name: secret\n          secret:", "- name: keys\n          secret:",
            "volumeMounts", "no volume 'secret'"
        ),
        ("fleet", "port: http\n", "port: web\n", "livenessProbe", "no port 'web'"),
        (
            "fleet", "labels:\n        app: runner-fleet", "labels:\n        app: fleet",
            "spec.selector", "app=runner-fleet"
        ),
        (
            "job", "PeriodSeconds: 60", "PeriodSecond: 60", "spec.template.spec",
            "'terminationGracePeriodSecond'"
        ),
        ("job", "containerName: runner", "containerName: run", "podFailurePolicy", "'run'"),
        (
            "job", "            status: \"True\"\n", "",
            "Job/runner: spec.podFailurePolicy.rules.2",
            "'status' is a required property, by Kubernetes 1.29"
        ),
        ("job", "runAsUser: 65534", "runAsUser: nobody", "securityContext.runAsUser", "integer"),
        (
            "indexed-job", "backoffLimitPerIndex", "backofLimitPerIndex", "by Kubernetes 1.37",
            "'backofLimitPerIndex'"
        ),
    ])
    func aManifestThatIsBroken_isRefused(
        name: String, part: String, broken: String, place: String, words: String
    ) async throws {
        let whole = try String(contentsOfFile: "\(Self.folder)/\(name).yaml", encoding: .utf8)
        try #require(whole.contains(part))
        write(
            Array(whole.replacing(part, with: broken).utf8), to: program.folder.file("\(name).yaml")
        )
        let checked = try await check(["\(name).yaml"])
        #expect(checked.status == 1, "\(checked.out)")
        #expect(checked.err.contains(place) && checked.err.contains(words), "\(checked.err)")
        #expect(!checked.err.contains("Traceback"), "\(checked.err)")
    }

    @Test func aFileWithoutManifests_isRefused() async throws {
        write(Array("# nothing\n".utf8), to: program.folder.file("empty.yaml"))
        let checked = try await check(["empty.yaml", "absent.yaml"])
        #expect(checked.status == 1)
        #expect(checked.err.contains("empty.yaml: there is no document in it"), "\(checked.err)")
        #expect(checked.err.contains("No such file"), "\(checked.err)")
    }
}
