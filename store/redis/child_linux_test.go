package redis

import "syscall"

// diesWithUs has the system kill a child when the test's process ends in whatever way.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
