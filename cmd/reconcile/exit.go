package main

import (
	"errors"
	"fmt"
	"strings"

	"tenantry/internal/diag"
	"tenantry/internal/report"
)

// The exit codes. Where several apply: 65 and 64 before anything runs, then 4
// before 3.
const (
	exitDone    = 0  // in sync, or a dry run that found changes
	exitError   = 1  // no database, an engine error
	exitChanges = 2  // with --detailed-exitcode, a dry run that found changes
	exitBlocked = 3  // some changes are blocked and everything else is done
	exitFailed  = 4  // some targets failed and the others are done
	exitStale   = 5  // a saved plan is stale; nothing of it was applied
	exitUsage   = 64 // the command line is wrong
	exitInput   = 65 // tenants.yaml, atlas.hcl or HCL is wrong; nothing was touched
)

// An exitCode is an error that has been reported already and only says how the
// command ends.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// A usageError is a command line that is wrong.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// A hinted error says what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// exit reports an error that nobody has reported yet and returns the exit code.
func (a *app) exit(err error) int {
	var code exitCode
	var wrong diag.List
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage), isCobraUsage(err):
		fmt.Fprintf(a.stderr, "reconcile: %s\n", redacted(err.Error()))
		fmt.Fprintln(a.stderr, "hint: reconcile --help shows commands and flags")
		return exitUsage
	case errors.As(err, &wrong):
		wrong = redactedList(wrong)
		report.Diagnostics(a.stderr, wrong, readRedacted, a.style())
		a.reportWrong(wrong)
		return exitInput
	}
	fmt.Fprintf(a.stderr, "reconcile: %s\n", redacted(err.Error()))
	var h hinted
	switch {
	case errors.As(err, &h):
		fmt.Fprintf(a.stderr, "hint: %s\n", h.hint)
	case away(err):
		fmt.Fprintln(a.stderr, "hint: is the server running, and is the URL right? --database-url, $DATABASE_URL or databases in the tenants file say where it is")
	}
	return exitError
}

// isCobraUsage recognises the errors of the flag parser, which have no type.
func isCobraUsage(err error) bool {
	for _, beginning := range []string{"unknown command", "unknown flag", "unknown shorthand", "flag needs an argument", "invalid argument", "accepts ", "requires at least", "bad flag syntax"} {
		if strings.HasPrefix(err.Error(), beginning) {
			return true
		}
	}
	return false
}
