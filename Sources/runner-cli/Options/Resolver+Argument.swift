// Public, as the conformance of a public type has to be.
public import ArgumentParser
public import Runner

extension FetchOptions.Resolver: ExpressibleByArgument {}
