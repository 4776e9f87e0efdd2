package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/config"
	"github.com/optin/optin/templates"
)

// readShipped reads a file of the repository.
func readShipped(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryShippedConfigurationLoads(t *testing.T) {
	pages, err := templates.New()
	if err != nil {
		t.Fatal(err)
	}
	_, readme, ok := strings.Cut(readShipped(t, "README.md"), "```yaml\n")
	readme, _, closed := strings.Cut(readme, "```")
	if !ok || !closed {
		t.Fatal("the README has no configuration")
	}
	env := map[string]string{"RELAY_PASSWORD": "a-password", "LISTEN": "127.0.0.1:8080",
		"DATABASE": "/var/lib/optin/demo.db", "RELAY": "127.0.0.1:2525", "ADMIN_PASSWORD": "a-password",
		"NEWSROOM": "127.0.0.1:8081", "CRM": "127.0.0.1:8082", "WEBHOOK_SECRET": hookSecret}
	for _, secret := range []string{"OPTIN_SECRET", "SECRET"} {
		env[secret] = random(32)
	}
	for _, key := range []string{"OPTIN_ADMIN_PASSWORD", "GAZETTE_API_KEY", "DEMO_API_KEY", "API_KEY"} {
		env[key] = random(24)
	}
	env["GAZETTE_WEBHOOK_SECRET"] = hookSecret
	for name, text := range map[string]string{
		"README.md": readme, "deploy/compose.optin.yaml": readShipped(t, "deploy/compose.optin.yaml"),
		"demo.yaml": string(demoConfig), "the sample": string(config.Sample()),
	} {
		if _, err := config.Parse(name, []byte(text), lookup(env), nil, pages.Languages()...); err != nil {
			t.Error(err)
		}
	}
}

func TestTheReadmeBeginsWithTheTwoCommands(t *testing.T) {
	head := strings.Join(strings.SplitN(readShipped(t, "README.md"), "\n", 8)[:7], "\n")
	for _, command := range []string{"make test", "go run ./cmd/optin demo"} {
		if !strings.Contains(head, "    "+command) {
			t.Errorf("%q is not at its top:\n%s", command, head)
		}
	}
	makefile := readShipped(t, "Makefile")
	text := readShipped(t, "README.md") + readShipped(t, "CONTRIBUTING.md")
	for _, target := range regexp.MustCompile("`make ([a-z]+)`").FindAllStringSubmatch(text, -1) {
		if !regexp.MustCompile(`(?m)^` + target[1] + `:`).MatchString(makefile) {
			t.Errorf("the Makefile has no target %s", target[1])
		}
	}
}

func TestTheRedisOfDockerComposeLosesNothing(t *testing.T) {
	compose := readShipped(t, "docker-compose.yml")
	for _, setting := range []string{`--appendonly, "yes"`, "--appendfsync, always", "--maxmemory-policy, noeviction"} {
		if !strings.Contains(compose, setting) {
			t.Errorf("docker-compose.yml lacks %s", setting)
		}
	}
}

func TestEmailsPromiseTheDeletionThatTheRulesDo(t *testing.T) {
	if templates.UnconfirmedRetention != consent.Grace {
		t.Errorf("emails promise deletion after %v, the rules delete after %v", templates.UnconfirmedRetention,
			consent.Grace)
	}
}
