package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/optin/optin/internal/childtest"
)

func TestWrongUsageExitsWithTwoAndSaysWhatIsRight(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "nowhere.yaml")
	for _, c := range []struct {
		args []string
		says string // on stderr
	}{
		{nil, "optin COMMAND -h"},
		{[]string{"dance"}, `there is no command "dance"`},
		{[]string{"dance"}, "optin serve -config optin.yaml   the service"},
		{[]string{"Serve"}, `there is no command "Serve"; did you mean optin serve?`},
		{[]string{"chekc"}, `there is no command "chekc"; did you mean optin check?`},
		{[]string{"webhok", "test"}, "did you mean optin webhook?"},
		{[]string{"webhook"}, "optin webhook listen -secret"},
		{[]string{"webhook", "dance"}, "optin webhook: there is no command \"dance\"\n\n"},
		{[]string{"webhook", "lisetn"}, `there is no command "lisetn"; did you mean optin webhook listen?`},
		{[]string{"verify"}, "optin verify receipt"},
		{[]string{"verify", "recipt"}, `there is no command "recipt"; did you mean optin verify receipt?`},
		{[]string{"log", "keys"}, `optin log: there is no command "keys"; did you mean optin log key?`},
		{[]string{"sever"}, `there is no command "sever"` + "\n\n"},
		{[]string{"serve", "-confg", "optin.yaml"}, "-config"},
		{[]string{"serve", "optin.yaml"}, `unknown argument "optin.yaml"; -h shows the flags`},
		{[]string{"serve", "-config"}, "needs an argument"},
		{[]string{"serve", "-config", missing}, missing + ":1: cannot be read: it does not exist; " +
			"-config names the file, and optin keys -sample prints one to begin with"},
		{[]string{"check", "-config", missing}, missing + ":1: cannot be read"},
		{[]string{"demo", "-port", "80"}, "-listen"},
		{[]string{"keys", "-verbose"}, "-verbose"},
		{[]string{"healthcheck", "-url", "::"}, "-url is not a URL"},
	} {
		p := command(t, c.args...)
		if code := p.wait(); code != exitUsage || !strings.Contains(p.stderr.String(), c.says) ||
			p.stdout.String() != "" {
			t.Errorf("optin %q exits with %d, and says %q, want %q; on stdout %q", c.args, code, p.stderr, c.says,
				p.stdout)
		}
	}
}

func TestHelpIsPrinted(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}} {
		p := command(t, args...)
		if code := p.wait(); code != exitOK || p.stdout.String() != usage() || p.stderr.String() != "" {
			t.Errorf("optin %v exits with %d, and prints %q and %q", args, code, p.stdout, p.stderr)
		}
	}
	for of, want := range map[string]string{"webhook": webhookUsage, "verify": verifyUsage, "log": logUsage} {
		p := command(t, of, "help")
		if code := p.wait(); code != exitOK || p.stdout.String() != folded(want) || p.stderr.String() != "" {
			t.Errorf("optin %s help exits with %d, and prints %q and %q", of, code, p.stdout, p.stderr)
		}
	}
	wideAtMost(t, "the usage", usage())
}

func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	for _, c := range allCompleted() {
		p := command(t, append(strings.Fields(c.path()), "-h")...)
		if c.name == "version" || c.of == "completion" {
			continue // without flags
		}
		code, said := p.wait(), p.stdout.String()+p.stderr.String()
		of, _, _ := strings.Cut(c.path(), " ")
		if code != exitOK || !strings.HasPrefix(said, "optin "+of+" ") || !strings.Contains(said, "\n  optin "+of) {
			t.Errorf("optin %s -h exits with %d, and prints %q and %q", c.path(), code, p.stdout, p.stderr)
		}
		if len(c.parts) == 0 && !regexp.MustCompile(`\nFlags:\n  -\w.*\n        \S`).MatchString(said) {
			t.Errorf("optin %s -h explains no flags: %s", c.path(), said)
		}
		wideAtMost(t, c.path(), said)
	}
}

func TestVersionIsOneLine(t *testing.T) {
	for _, name := range []string{"version", "--version"} {
		p := command(t, name)
		line := regexp.MustCompile(`^optin \S+ \(commit \w+, go1\.\d+\S* ?\S*, \w+/\w+\)\n$`)
		if code := p.wait(); code != exitOK || !line.MatchString(p.stdout.String()) {
			t.Errorf("optin %s exits with %d, and prints %q", name, code, p.stdout)
		}
	}
}

// All problems are reported together, each on a line of its own with its place.
func TestAllProblemsOfAConfigurationAreReportedWithTheirLines(t *testing.T) {
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	e.siteYAML = "    link_ttl: 1m\n"
	wrong := strings.NewReplacer(
		"smtp: {url:", "smpt: {url:", "secret: "+testSecret, "secret: ${OPTIN_NO_SUCH_SECRET}", "locales: [fr, en]",
		"locales: [fr, xx]",
	).Replace(e.yaml(e.listen))
	if err := os.WriteFile(e.configPath, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"serve", "check"} {
		p := command(t, name, "-config", e.configPath)
		if code := p.wait(); code != exitUsage || p.stdout.String() != "" {
			t.Errorf("optin %s exits with %d, and prints %q", name, code, p.stdout)
		}
		output := p.stderr.String()
		for i, line := range strings.Split(wrong, "\n") {
			for _, sign := range []string{"smpt:", "OPTIN_NO_SUCH_SECRET", "xx]", "link_ttl"} {
				at := fmt.Sprintf("%s:%d: ", e.configPath, i+1)
				if strings.Contains(line, sign) && !strings.Contains("\n"+output, "\n"+at) {
					t.Errorf("optin %s reports nothing about line %d, %q:\n%s", name, i+1, line, output)
				}
			}
		}
		for line := range strings.Lines(output) {
			if !regexp.MustCompile(`^` + regexp.QuoteMeta(e.configPath) + `:\d+: \S`).MatchString(line) {
				t.Errorf("optin %s reports without a place: %q", name, line)
			}
		}
	}
}

func TestCheckFindsNothingWrongWithARunningService(t *testing.T) {
	onEachStore(t, func(t *testing.T, e *env) {
		_, a := e.spawn(e.listen)
		p := command(t, "check", "-dns=false", "-config", e.configPath)
		if code := p.wait(); code != exitOK || strings.Count("\n"+p.stdout.String(), "\nok ") != 6 ||
			p.stderr.String() != "" {
			t.Errorf("it exits with %d, and prints %s%s", code, p.stdout, p.stderr)
		}
		if code := a.SignUp("ada@people.test"); code != http.StatusAccepted || len(e.mail.Messages()) > 1 {
			t.Errorf("afterwards a signup returns %d, and there are %d emails", code, len(e.mail.Messages()))
		}
	})
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	unsafe := redisServer(t)
	unsafe.ask("CONFIG SET appendfsync everysec")
	for name, c := range map[string]struct {
		store, smtp string
		says        []string
	}{
		"an unreachable relay": {"", childtest.FreeAddr(t), []string{"WRONG  relay", "ok     store"}},
		"an unsafe Redis": {unsafe.url(), "",
			[]string{"WRONG  store", "appendfsync", "CONFIG SET appendfsync always", "ok     relay"}},
		"an unreachable Redis": {
			"redis://" + childtest.FreeAddr(t) + "/0", "", []string{"WRONG  store", "ok     relay"},
		},
		"no folder": {"sqlite://" + t.TempDir() + "/no/folder/optin.db", "",
			[]string{"WRONG  store", "/no/folder does not exist: make it"}},
	} {
		e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
		if c.store != "" {
			e.store = c.store
		}
		if c.smtp != "" {
			e.relayAddr = c.smtp
		}
		if err := os.WriteFile(e.configPath, []byte(e.yaml(e.listen)), 0o600); err != nil {
			t.Fatal(err)
		}
		p := command(t, "check", "-dns=false", "-config", e.configPath)
		if code := p.wait(); code != exitFailed {
			t.Errorf("%s: it exits with %d, and prints %s%s", name, code, p.stdout, p.stderr)
		}
		for _, say := range c.says {
			if !strings.Contains(p.stdout.String(), say) {
				t.Errorf("%s: %q is not printed:\n%s", name, say, p.stdout)
			}
		}
	}
}

func TestHealthcheckFailsUnlessTheServiceIsAlive(t *testing.T) {
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	p, a := e.spawn(e.listen)
	for _, page := range []string{"/healthz", "/readyz"} {
		if h := command(t, "healthcheck", "-url", a.base+page); h.wait() != exitOK {
			t.Errorf("%s of a running service: %s%s", page, h.stdout, h.stderr)
		}
	}
	if h := command(t, "healthcheck", "-url", a.base+"/nowhere"); h.wait() != exitFailed {
		t.Errorf("an answer that is not 200: %s%s", h.stdout, h.stderr)
	}
	p.kill()
	if h := command(t, "healthcheck", "-url", a.base+"/healthz"); h.wait() != exitFailed ||
		!strings.Contains(h.stderr.String(), "no answer") {
		t.Errorf("a dead service: %s%s", h.stdout, h.stderr)
	}
}

func TestServeExitsIfItCannotListen(t *testing.T) {
	e := newEnv(t, "sqlite://"+filepath.Join(t.TempDir(), "optin.db"))
	e.spawn(e.listen)
	p := command(t, "serve", "-config", e.configPath)
	if code := p.wait(); code != exitFailed ||
		!strings.Contains(p.stderr.String(), "address already in use; stop what") {
		t.Errorf("it exits with %d, and prints %s%s", code, p.stdout, p.stderr)
	}
}
