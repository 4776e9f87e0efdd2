package redis

import "syscall"

// diesWithUs makes the system kill a child when the test's process ends, however it ends.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
