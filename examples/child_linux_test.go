package examples

import (
	"os/exec"
	"syscall"
)

// dieWithParent ends a child when the test's process ends, however it ends.
func dieWithParent(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
