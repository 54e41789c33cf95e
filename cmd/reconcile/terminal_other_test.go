//go:build !linux

package main

import "github.com/rogpeppe/go-internal/testscript"

// terminalVerb is made for Linux only, and scripts ask before they use it.
func terminalVerb(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("there is no verb terminal on this system")
}
