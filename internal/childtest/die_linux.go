package childtest

import (
	"os/exec"
	"syscall"
)

// DieWithParent has the kernel kill a child when the test's process ends, however it ends. It is called before Start.
func DieWithParent(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
