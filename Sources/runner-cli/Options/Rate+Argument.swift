// Public, as the conformance of a public type has to be.
public import ArgumentParser
public import Runner

extension Rate: ExpressibleByArgument {
    public init?(argument: String) {
        let parts = argument.split(separator: "/", omittingEmptySubsequences: false)
        guard 1...2 ~= parts.count, let count = Double(parts[0]), count > 0, count <= 1e6 else {
            return nil
        }
        let seconds: Int? =
            switch parts.dropFirst().first {
            case nil, "s": 1
            case "m": 60
            case "h": 3600
            case "d": 86_400
            default: nil
            }
        // Once a month is past any use.
        guard let seconds, Double(seconds) / count <= 31 * 86_400 else { return nil }
        self.init(count, per: .seconds(seconds))
    }
}
