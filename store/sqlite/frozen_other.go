//go:build !linux

package sqlite

// waitForThaw does nothing: freezing file systems is Linux's.
func waitForThaw(string) {}
