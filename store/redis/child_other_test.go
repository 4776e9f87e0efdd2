//go:build !linux

package redis

import "syscall"

// diesWithUs does nothing on this system; t.Cleanup kills children there.
func diesWithUs() *syscall.SysProcAttr { return nil }
