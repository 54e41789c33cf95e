package pgtest

import (
	"os/exec"
	"syscall"
)

// endWithTest has a process end when the test process does, however that ends.
func endWithTest(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}
