//go:build unix

package main

import "syscall"

// openFiles returns how many files, sockets among them, the process may have open. Go has raised that to all that the
// system allows (package os).
func openFiles() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return defaultOpenFiles
	}
	return int(min(limit.Cur, 1<<20)) //nolint:gosec // at most 1<<20
}
