//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package consentlog

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock returns a function that lets another one have the folder, of this process or of any other; errBusy while one
// has it. The system takes it from a process that ended, and leaves it to one that is stopped.
func (l folder) lock() (unlock func(), err error) {
	f, err := os.OpenFile(l.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("consentlog: %w", err)
	}
	if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		return func() { f.Close() }, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errBusy
	}
	return nil, fmt.Errorf("consentlog: lock: %w", err)
}
