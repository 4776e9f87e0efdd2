package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/optin/optin/internal/childtest"
)

// TestMain makes the test binary the program itself, so that a test can start and kill it as an operator does.
func TestMain(m *testing.M) {
	switch os.Getenv("OPTIN_TEST_MAIN") {
	case "1":
		main()
	case "serve": // as main does, but without DNS, and with leases, and jobs at a stop, as long as the test says
		leaseFor, err := time.ParseDuration(os.Getenv("OPTIN_TEST_LEASE"))
		if err != nil {
			panic(err)
		}
		finish, err := time.ParseDuration(os.Getenv("OPTIN_TEST_FINISH"))
		if err != nil {
			panic(err)
		}
		ctx, stop := signal.NotifyContext(context.Background(), stopSignals(os.Args[1:])...)
		defer stop()
		x := extra{noLookups: true, leaseFor: leaseFor, finish: finish, fill: -1}
		os.Exit(serveWith(ctx, x, os.Args[2:], os.LookupEnv, os.Stdout, os.Stderr))
	}
	os.Exit(checkResponses(m.Run))
}

// process is the program as a child process.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr *childtest.Buffer
	done           chan struct{}
}

// spawn starts `optin serve` as a process of its own and waits until it is ready.
func (e *env) spawn(listen string) (*process, *actor) {
	e.t.Helper()
	p := e.launch(listen)
	a := e.actor(listen)
	a.eventually("ready", func() bool { return a.status("/readyz") == http.StatusOK })
	return p, a
}

// launch starts `optin serve` as a process of its own.
func (e *env) launch(listen string) *process {
	e.t.Helper()
	e.write(listen)
	env := []string{
		"OPTIN_TEST_MAIN=serve", "OPTIN_TEST_LEASE=" + e.leaseFor.String(), "OPTIN_TEST_FINISH=" + e.finish.String(),
	}
	program := []string{os.Args[0], "serve", "-config", e.configPath}
	if e.openFiles > 0 {
		limited := fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, e.openFiles)
		program = append([]string{"sh", "-c", limited}, program...)
	}
	return child(e.t, env, program...)
}

// write writes the configuration.
func (e *env) write(listen string) {
	e.t.Helper()
	if err := os.WriteFile(e.configPath, []byte(e.yaml(listen)), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

// command starts the program with some arguments.
func command(t *testing.T, args ...string) *process {
	t.Helper()
	return child(t, []string{"OPTIN_TEST_MAIN=1"}, append([]string{os.Args[0]}, args...)...)
}

func child(t *testing.T, env []string, program ...string) *process {
	t.Helper()
	p := &process{
		t: t, cmd: exec.Command(program[0], program[1:]...), done: make(chan struct{}),
		stdout: &childtest.Buffer{}, stderr: &childtest.Buffer{},
	}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	childtest.DieWithParent(p.cmd)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(p.kill)
	return p
}

// wait waits until the process ends by itself, and returns its exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.t.Fatalf("%q does not end:\n%s%s", p.cmd.Args[1:], p.stdout, p.stderr)
	}
	return p.cmd.ProcessState.ExitCode()
}

// stop asks the process to stop, as an operator does, and returns its exit code.
func (p *process) stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	return p.wait()
}

// kill sends SIGKILL.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}
