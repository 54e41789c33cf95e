package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// terminalVerb runs a command whose stdout is a terminal, 80 columns wide; what
// it shows becomes the script's stdout.
func terminalVerb(ts *testscript.TestScript, neg bool, args []string) {
	control, terminal, err := openTerminal()
	ts.Check(err)
	defer control.Close()
	cmd := exec.Command("reconcile", args[1:]...)
	if args[0] != "reconcile" {
		ts.Fatalf("terminal runs reconcile only")
	}
	cmd.Dir, cmd.Stdout = ts.MkAbs("."), terminal
	for _, name := range []string{"PATH", "HOME", "DATABASE_URL", "NO_COLOR", "TERM"} {
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	ts.Check(cmd.Start())
	terminal.Close()
	shown, err := io.ReadAll(control)
	if !errors.Is(err, syscall.EIO) { // which is how the end of a terminal reads
		ts.Check(err)
	}
	if err := cmd.Wait(); neg != (err != nil) {
		ts.Fatalf("reconcile: %v\n%s", err, shown)
	}
	io.WriteString(ts.Stdout(), strings.ReplaceAll(string(shown), "\r\n", "\n"))
}

// openTerminal opens a pseudo-terminal: see pty(7).
func openTerminal() (control, terminal *os.File, err error) {
	control, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(control.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
	}
	if err == nil {
		terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	return control, terminal, errors.Join(err)
}
