package sqlite

import "syscall"

// waitForThaw creates a file that is there already, which fails once its file system is not frozen. O_EXCL matters:
// without it, a kernel finds the file before it waits.
func waitForThaw(path string) {
	const create = syscall.O_CREAT | syscall.O_EXCL | syscall.O_WRONLY | syscall.O_CLOEXEC
	if fd, err := syscall.Open(path, create, 0o600); err == nil {
		_ = syscall.Close(fd) // it was not there
	}
}
