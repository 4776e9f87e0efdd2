package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/optin/optin/internal/childtest"
)

// What reads the log may end, or be restarted. Its pipe is broken then, which ends a program that does not expect it.
func TestTheServiceOutlivesTheReaderOfItsLog(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	metrics := childtest.FreeAddr(t)
	e.topYAML = "metrics: {listen: \"" + metrics + "\"}\n"
	e.write(e.listen)
	read, write, err := os.Pipe()
	e.must(err)
	p := &process{
		t: t, cmd: exec.Command(os.Args[0], "serve", "-config", e.configPath), done: make(chan struct{}),
		stdout: &childtest.Buffer{}, stderr: &childtest.Buffer{},
	}
	p.cmd.Env = append(os.Environ(), "OPTIN_TEST_MAIN=serve", "OPTIN_TEST_LEASE=0s", "OPTIN_TEST_FINISH=0s")
	p.cmd.Stdout, p.cmd.Stderr = write, write
	childtest.DieWithParent(p.cmd)
	e.must(p.cmd.Start())
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(p.kill)
	e.must(write.Close())
	a := e.actor(e.listen)
	a.eventually("ready", func() bool { return a.status("/readyz") == http.StatusOK })
	e.must(read.Close())

	for i := range 5 { // each has its line
		if code := a.SignUp(fmt.Sprintf("ada.%d@reader.example", i)); code != http.StatusAccepted {
			t.Fatalf("signup %d: %d", i, code)
		}
	}
	if code, _ := a.Confirm(confirmLink(a.Email("ada.0@reader.example"))); code != http.StatusOK {
		t.Errorf("a confirmation: %d", code)
	}
	a.eventually("lost lines are counted", func() bool {
		resp, err := http.Get("http://" + metrics + "/metrics")
		e.must(err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		e.must(err)
		return regexp.MustCompile(`(?m)^optin_lines_lost_total [1-9]`).Match(body)
	})
	if code := p.stop(); code != exitOK {
		t.Errorf("its stop: %d", code)
	}
}
