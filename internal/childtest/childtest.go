// Package childtest is for tests that run other programs, such as redis-server, Chromium or optin itself.
package childtest

import (
	"os"
	"os/exec"
	"testing"
)

// Need returns the path of a program. If it is not installed, the test is skipped, or fails if OPTIN_TEST_ALL=1 says
// that nothing may be skipped.
func Need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("OPTIN_TEST_ALL") == "1" {
		t.Fatalf("%s is not installed, and OPTIN_TEST_ALL=1 says that nothing may be skipped", program)
	}
	t.Skipf("%s is not installed: `make test` installs it", program)
	return ""
}
