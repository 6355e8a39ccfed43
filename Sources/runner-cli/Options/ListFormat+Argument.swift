// Public, as the conformance of a public type has to be.
public import ArgumentParser
public import Lists

extension ListFormat: ExpressibleByArgument {}
