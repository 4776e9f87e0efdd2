package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/optin/optin/internal/childtest"
)

// aTerminal is a terminal of some size, with a shell in it (tmux).
type aTerminal struct {
	t      *testing.T
	socket string
	env    []string
}

// newTerminal starts a shell in a terminal, in which optin is this program.
func newTerminal(t *testing.T, width, height int, shell ...string) *aTerminal {
	t.Helper()
	childtest.Need(t, "tmux")
	childtest.Need(t, shell[0])
	home := t.TempDir()
	if err := os.Symlink(os.Args[0], filepath.Join(home, "optin")); err != nil {
		t.Fatal(err)
	}
	term := &aTerminal{t, filepath.Join(home, "tmux"), append(os.Environ(),
		"OPTIN_TEST_MAIN=1", "HOME="+home, "PATH="+home+":"+os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TERM=xterm",
		"SHELL=/bin/sh", "PS1=$ ",
	)}
	term.tmux(append([]string{
		"new-session", "-d", "-c", home, "-x", fmt.Sprint(width), "-y", fmt.Sprint(height),
	}, shell...)...)
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", term.socket, "kill-server").Run() })
	return term
}

func (a *aTerminal) tmux(args ...string) string {
	a.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-S", a.socket, "-f", "/dev/null"}, args...)...)
	cmd.Env = a.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		a.t.Fatalf("tmux %v: %v: %s", args, err, out)
	}
	return string(out)
}

// types types text, in which names such as Enter and Tab are words of their own.
func (a *aTerminal) types(keys ...string) {
	a.t.Helper()
	a.tmux(append([]string{"send-keys"}, keys...)...)
}

// screen returns what can be read.
func (a *aTerminal) screen() string {
	a.t.Helper()
	return a.tmux("capture-pane", "-p")
}

// sees waits until some words can be read, however many spaces are between them.
func (a *aTerminal) sees(words string) {
	a.t.Helper()
	defer func() {
		if a.t.Failed() {
			a.t.Logf("the screen reads\n%s", a.screen())
		}
	}()
	(&actor{t: a.t}).eventually(words, func() bool {
		return strings.Contains(strings.Join(strings.Fields(a.screen()), " "), words)
	})
}

// TestTopInATerminal: it refreshes, keys choose the period, and q, Ctrl-C or a signal end it and leave the screen as it
// was.
func TestTopInATerminal(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	_, a := e.spawn(e.listen)
	term := newTerminal(t, columns, 24, "sh")
	top := "echo before; optin top -every 1s -config " + e.configPath + "; echo ended with $?"
	term.types(top, "Enter")
	term.sees("the last hour, and the hour before All is as it should be.")
	term.sees("Signups 0 0")
	a.SignUp("ada@people.test")
	term.sees("Signups 1 0 none before")
	for key, words := range map[string]string{
		"d": "the last day, and the 24 hours before", "w": "the last week,", "M": "the last month,",
		"h": "the last hour,",
	} {
		term.types(key)
		term.sees(words)
	}
	if screen := term.screen(); !strings.Contains(screen, "\nq ends this.") {
		t.Errorf("the last line is not in\n%s", screen)
	}
	wideAtMost(t, "top", term.screen())
	term.tmux("resize-window", "-x", "60", "-y", "10")
	term.sees("more lines: make the terminal higher) q ends this.")
	screen := term.screen()
	if !strings.HasPrefix(screen, "optin, ") || !strings.Contains(screen, "All is as it should be.") {
		t.Errorf("in a small terminal\n%s", screen)
	}
	term.tmux("resize-window", "-x", "80", "-y", "24")
	for _, end := range []string{"q", "C-c"} {
		term.types(end)
		term.sees("ended with 0 $")
		if screen := term.screen(); strings.Contains(screen, "Signups") || !strings.Contains(screen, "before") {
			t.Errorf("after %s the screen reads\n%s", end, screen)
		}
		term.types("clear; "+top, "Enter")
		term.sees("Signups 1 0")
	}
	term.types("q")
	term.sees("ended with 0 $")
	term.types("clear; "+strings.Replace(top, "optin", "sh -c 'echo $$ >pid; exec \"$@\"' sh optin", 1), "Enter")
	term.sees("Signups 1 0")
	pid, err := os.ReadFile(filepath.Join(filepath.Dir(term.socket), "pid"))
	e.must(err)
	e.must(exec.Command("kill", strings.TrimSpace(string(pid))).Run())
	term.sees("ended with 0 $")
	term.types("echo typed", "Enter") // and the keyboard is as it was
	term.sees("$ echo typed typed")
	term.types("clear; optin top -every 1s -config "+e.configPath+" </dev/null", "Enter")
	term.sees("Signups 1 0")
	term.types("C-c")
	term.sees("$")
}

// TestTopOutlivesItsStore: while the store is away it says so, and goes on when it is back.
func TestTopOutlivesItsStore(t *testing.T) {
	t.Parallel()
	server := redisServer(t)
	e := newEnv(t, server.url())
	e.start()
	e.write(e.listen)
	term := newTerminal(t, columns, 24, "sh")
	term.types("optin top -every 1s -config "+e.configPath, "Enter")
	term.sees("All is as it should be.")
	server.kill()
	term.sees("It cannot be read: store: unavailable:")
	server.start()
	term.sees("Store: Ready.")
}

// The shells themselves complete commands, parts of commands, flags and files.
func TestShellsCompleteCommandsAndFlags(t *testing.T) {
	t.Parallel()
	t.Run("bash", func(t *testing.T) {
		t.Parallel()
		term := newTerminal(t, 200, 50, "bash", "--norc")
		term.types("source <(optin completion bash)", "Enter")
		term.completes(t)
	})
	t.Run("zsh", func(t *testing.T) {
		t.Parallel()
		term := newTerminal(t, 200, 50, "zsh", "-f")
		term.types("PS1='$ '; autoload -U compinit; compinit -u; source <(optin completion zsh)", "Enter")
		term.completes(t)
		term.types("clear", "Enter")
		term.types("optin st", "Tab", "Tab")
		term.sees("stats -- signups and confirmations by day, form, …")
	})
	t.Run("fish", func(t *testing.T) {
		t.Parallel()
		term := newTerminal(t, 200, 50, "fish", "--no-config")
		term.types("optin completion fish | source", "Enter")
		term.completes(t)
	})
}

// completes types beginnings, and looks what the shell makes of them: what is unique is completed, and of more the
// shell shows all.
func (a *aTerminal) completes(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(filepath.Dir(a.socket), "my.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ typed, becomes string }{
		{"optin regi", "optin register "},
		{"optin webhook li", "optin webhook listen "},
		{"optin stats -da", "optin stats -days "},
		{"optin webhook test -u", "optin webhook test -url "},
		{"optin stats -config m", "optin stats -config my.yaml "},
		{"optin verify log m", "optin verify log my.yaml "},
		{"optin show m", "optin show mX"}, // no file is one of its arguments
	} {
		a.types("C-u", "C-l")
		a.types(row.typed, "Tab")
		a.types("X")
		a.sees(strings.TrimSuffix(row.becomes, "X") + "X")
	}
	a.types("C-u", "C-l")
	a.types("optin store accept-empty -", "Tab", "Tab")
	a.sees("-lost")
	a.types("C-u", "C-l")
}

func TestCompletionKnowsEveryCommandAndItsFlags(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		p := command(t, "completion", shell)
		if code := p.wait(); code != exitOK || p.stderr.String() != "" {
			t.Fatalf("%s: %d %s", shell, code, p.stderr)
		}
		for _, c := range allCompleted() {
			names := append([]string{c.name}, c.parts...)
			for _, f := range c.flags {
				names = append(names, strings.TrimPrefix(f.name, "-"))
			}
			for _, name := range names {
				if !strings.Contains(p.stdout.String(), name) {
					t.Errorf("%s does not complete %s of %s", shell, name, c.path())
				}
			}
		}
	}
	for path, flags := range map[string][]string{
		"serve": {"-config"}, "version": nil, "webhook": nil, "stats": {"-config", "-days", "-json", "-site"},
		"verify receipt": {"-json", "-keys"}, "store accept-empty": {"-config", "-lost"},
	} {
		i := slices.IndexFunc(allCompleted(), func(c completed) bool { return c.path() == path })
		var got []string
		for _, f := range allCompleted()[i].flags {
			got = append(got, f.name)
		}
		if !slices.Equal(got, flags) {
			t.Errorf("%s has the flags %v, want %v", path, got, flags)
		}
	}
	for _, args := range [][]string{{"completion"}, {"completion", "tcsh"}, {"completion", "bash", "x"}} {
		if code := command(t, args...).wait(); code != exitUsage {
			t.Errorf("optin %v exits with %d", args, code)
		}
	}
}
