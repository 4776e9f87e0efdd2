package redis

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/optin/optin/internal/childtest"
)

// The client library logs to standard error by itself. A child process that meets every failure must be silent.
func TestTheClientPrintsNothing(t *testing.T) {
	if os.Getenv("OPTIN_TEST_SILENT_CHILD") == "1" {
		for _, url := range []string{
			"redis://127.0.0.1:1", "redis+cluster://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/main",
		} {
			refuses(t, open(t, Options{Location: at(url), Pool: 2}))
		}
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestTheClientPrintsNothing$", "-test.v=false")
	child.Env = append(os.Environ(), "OPTIN_TEST_SILENT_CHILD=1")
	childtest.DieWithParent(child)
	var stderr bytes.Buffer
	child.Stderr = &stderr
	if out, err := child.Output(); err != nil {
		t.Fatalf("the child: %v\n%s", err, out)
	}
	if stderr.Len() > 0 {
		t.Errorf("it printed:\n%s", stderr.String())
	}
}
