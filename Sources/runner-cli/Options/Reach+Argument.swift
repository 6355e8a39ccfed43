// Public, as the conformance of a public type has to be.
public import ArgumentParser
public import Links

extension Scope.Reach: ExpressibleByArgument {}
