//go:build !linux

package childtest

import "os/exec"

// DieWithParent does nothing on this system: the test's own clean-up must kill the child.
func DieWithParent(*exec.Cmd) {}
