//go:build !linux

package redis

import "syscall"

// diesWithUs can only be had on Linux; elsewhere t.Cleanup has to do.
func diesWithUs() *syscall.SysProcAttr { return nil }
