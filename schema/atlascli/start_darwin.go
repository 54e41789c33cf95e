package atlascli

// dieWithParent does nothing: macOS has no such thing.
func dieWithParent() error { return nil }
