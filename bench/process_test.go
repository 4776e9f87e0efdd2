package bench

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/optin/optin/internal/childtest"
)

// process is a program that is measured.
type process struct{ *exec.Cmd }

// startProcess starts a program, which dies with the test. What it writes goes into a file, as it would on a server.
func startProcess(t testing.TB, log string, cmd *exec.Cmd) *process {
	t.Helper()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	must(t, err)
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	childtest.DieWithParent(cmd)
	must(t, cmd.Start())
	p := &process{cmd}
	t.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	if p.ProcessState == nil {
		_ = p.Process.Kill()
		_ = p.Wait()
	}
}

// stop asks the process to stop, as an operator does, and waits until it has.
func (p *process) stop(t testing.TB) {
	t.Helper()
	must(t, p.Process.Signal(syscall.SIGTERM))
	if err := p.Wait(); err != nil {
		t.Fatalf("%s: %v", p.Path, err)
	}
}

// cpu returns the processor time that the process has used, in the program and in the kernel. It is from the clock of
// the process (clock_getcpuclockid(3)), in nanoseconds: /proc/PID/stat counts hundredths of a second.
func (p *process) cpu(t testing.TB) time.Duration {
	t.Helper()
	const scheduled = 2 // CPUCLOCK_SCHED
	var used syscall.Timespec
	_, _, failed := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(^p.Process.Pid<<3|scheduled),
		uintptr(unsafe.Pointer(&used)), 0) // #nosec G103 -- the call fills it in
	if failed != 0 {
		t.Fatalf("the clock of process %d: %v", p.Process.Pid, failed)
	}
	return time.Duration(used.Nano())
}

// peakRSS returns the most memory that the process has had at once, in bytes (proc_pid_status(5)).
func (p *process) peakRSS(t testing.TB) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	must(t, err)
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kB, err := strconv.Atoi(strings.Fields(after)[0])
	must(t, err)
	return float64(kB) * 1024
}

// exited reports whether the process has ended by itself.
func (p *process) exited() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// cpu returns the processor time that several processes have used.
func cpu(t testing.TB, all ...*process) (sum time.Duration) {
	t.Helper()
	for _, p := range all {
		sum += p.cpu(t)
	}
	return sum
}

// quiet waits until processes have next to nothing to do, at most two minutes: SQLite looks through a large file after
// the start.
func quiet(t testing.TB, all ...*process) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		before := cpu(t, all...)
		time.Sleep(50 * time.Millisecond)
		if cpu(t, all...)-before <= 10*time.Millisecond {
			return
		}
	}
}

// poll calls f until it returns true.
func poll(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within two minutes: %s", what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
