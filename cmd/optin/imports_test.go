package main

import (
	"errors"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const ours = "github.com/optin/optin/"

// allowedImports lists the packages of ours, and the modules of others, that each package imports. The standard library
// is allowed everywhere, except for forbiddenImports.
func allowedImports() map[string][]string {
	return map[string][]string{
		"store":           {},
		"store/redis":     {"store", "github.com/redis/go-redis/v9"},
		"store/sqlite":    {"store", "modernc.org/sqlite"},
		"store/storetest": {"store", "github.com/google/go-cmp"},
		"confirm/consent": {"internal/address", "store"},
		"confirm": {
			"confirm/consent", "confirm/statement", "internal/address", "internal/keyring", "internal/ratelimit",
			"internal/receipt", "internal/skeleton", "internal/token", "store", "github.com/klauspost/compress",
		},
		"confirm/statement": {"github.com/gowebpki/jcs"},
		"mailer": {
			"confirm", "confirm/consent", "internal/address", "internal/keyring", "internal/nondelivery",
			"internal/outbox", "internal/ratelimit", "internal/relay", "internal/skeleton", "internal/theme", "store",
			"templates", "github.com/wneessen/go-mail",
		},
		"templates": {
			"confirm/statement", "internal/problem", "internal/skeleton", "internal/theme",
			"github.com/a-h/templ", "golang.org/x/text",
		},
		"templates/dashboard": {"templates", "github.com/a-h/templ"},
		"internal/audit":      {"internal/keyring", "store"},
		"internal/address":    {"internal/typo", "golang.org/x/net"},
		"internal/bounce": {
			"confirm", "confirm/consent", "internal/address", "internal/nondelivery", "internal/token", "store",
		},
		"internal/certtest":  {},
		"internal/challenge": {"internal/keyring"},
		"internal/childtest": {},
		"internal/conntest":  {},
		"internal/config": {
			"internal/consentlog", "internal/keyring", "internal/operator", "internal/origin", "internal/receipt",
			"internal/redirect", "internal/relay", "internal/theme", "store", "go.yaml.in/yaml/v4", "golang.org/x/text",
		},
		"internal/consentlog": {"store", "golang.org/x/mod"},
		"internal/dossier": {
			"confirm", "confirm/consent", "confirm/statement", "internal/consentlog", "internal/mimeparts",
			"internal/receipt", "mailer", "store", "templates",
		},
		"internal/idempotency": {"internal/keyring", "store"},
		"internal/identity":    {"store"},
		"internal/inbox":       {"internal/mimeparts", "github.com/a-h/templ", "github.com/emersion/go-smtp"},
		"internal/keyring":     {},
		"internal/metrics":     {"github.com/VictoriaMetrics/metrics"},
		"internal/nondelivery": {},
		"internal/mutants":     {},
		"internal/mimeparts":   {},
		"internal/openapi":     {"github.com/a-h/templ", "go.yaml.in/yaml/v4"},
		"internal/oidc":        {"github.com/coreos/go-oidc/v3", "golang.org/x/oauth2"},
		"internal/operator":    {"golang.org/x/crypto"},
		"internal/origin":      {},
		"internal/outbox":      {"store"},
		"internal/preflight":   {"internal/keyring", "internal/relay", "blitiri.com.ar/go/spf"},
		"internal/problem":     {},
		"internal/ratelimit":   {"internal/address", "internal/keyring", "store"},
		"internal/readiness":   {},
		"internal/receipt":     {"confirm/statement"},
		"internal/redirect":    {},
		"internal/relay":       {},
		"internal/skeleton":    {"internal/address"},
		"internal/surge":       {"confirm/consent", "store"},
		"internal/theme":       {},
		"internal/typo":        {},
		"internal/tracing":     {},
		"internal/token":       {"internal/keyring", "store", "github.com/golang-jwt/jwt/v5"},
		"internal/web": {
			"confirm", "confirm/consent", "internal/address", "internal/audit", "internal/bounce",
			"internal/challenge", "internal/consentlog", "internal/dossier", "internal/idempotency", "internal/keyring",
			"internal/openapi", "internal/operator", "internal/origin", "internal/problem", "internal/ratelimit",
			"internal/redirect", "internal/surge", "internal/theme", "internal/token", "internal/web/admin",
			"internal/web/api", "internal/web/request", "internal/web/respond", "internal/webhook", "store",
			"templates", "github.com/labstack/echo/v4",
		},
		"internal/web/admin": {
			"confirm", "confirm/consent", "internal/address", "internal/audit", "internal/consentlog",
			"internal/dossier", "internal/keyring", "internal/mimeparts", "internal/oidc", "internal/operator",
			"internal/problem", "internal/ratelimit", "internal/skeleton", "internal/web/request",
			"internal/web/respond", "internal/webhook", "store", "templates", "templates/dashboard",
			"github.com/labstack/echo/v4",
		},
		"internal/web/api": {
			"confirm", "confirm/consent", "internal/address", "internal/bounce", "internal/dossier",
			"internal/problem", "internal/web/request", "internal/web/respond", "internal/webhook", "store",
			"github.com/labstack/echo/v4",
		},
		"internal/web/request": {
			"confirm", "confirm/consent", "internal/address", "internal/problem", "github.com/labstack/echo/v4",
		},
		"internal/web/respond": {
			"confirm", "confirm/consent", "internal/idempotency", "internal/problem", "internal/ratelimit",
			"internal/receipt", "internal/token", "internal/web/request", "store", "github.com/labstack/echo/v4",
		},
		"internal/webhook": {"confirm", "confirm/consent", "internal/outbox", "store"},
		// For tests only: no other package imports them.
		"internal/browsertest":      {"internal/childtest", "github.com/chromedp/chromedp"},
		"internal/tracing/otlptest": {"go.opentelemetry.io/collector/pdata"},
		"internal/openapi/contract": {"internal/openapi", "github.com/santhosh-tekuri/jsonschema/v6"},
		// Examples are for people who have nothing of ours.
		"examples/listmonk-bridge": {},
		"examples/receiver-go":     {},
		"cmd/optin": {
			"confirm", "confirm/consent", "confirm/statement", "internal/address", "internal/audit",
			"internal/bounce", "internal/challenge", "internal/config", "internal/consentlog", "internal/dossier",
			"internal/identity", "internal/inbox", "internal/keyring", "internal/metrics", "internal/oidc",
			"internal/operator", "internal/outbox", "internal/preflight", "internal/problem", "internal/ratelimit",
			"internal/readiness", "internal/receipt", "internal/relay", "internal/skeleton", "internal/surge",
			"internal/tracing", "internal/typo", "internal/web", "internal/web/admin", "internal/web/api",
			"internal/web/request", "internal/webhook", "mailer", "store", "store/redis", "store/sqlite", "templates",
			"templates/dashboard", "github.com/a-h/templ", "golang.org/x/term",
		},
	}
}

// forbiddenImports are the packages of the standard library that the rules and the contract of stores must not import:
// they do no I/O.
func forbiddenImports() map[string][]string {
	wires := []string{"net", "net/http", "net/smtp", "database/sql", "log", "log/slog", "os", "os/exec"}
	return map[string][]string{
		"confirm": wires, "confirm/consent": wires, "store": wires, "internal/keyring": wires,
		"internal/address": wires, "internal/token": wires, "internal/ratelimit": wires, "internal/surge": wires,
	}
}

// byName lists the packages of the standard library that call methods by names learnt at run time. With one of them the
// linker keeps every method of every type: docs/decisions/binary-size.md.
func byName() []string { return []string{"html/template", "text/template"} }

// shared lists the modules that more than one package may import. Every other module has one importer.
func shared() map[string][]string {
	return map[string][]string{
		// Both read a YAML file, each in its own way: one with the line of every key, one as JSON.
		"go.yaml.in/yaml/v4": {"internal/config", "internal/openapi"},
		// Each has pages of its own.
		"github.com/a-h/templ": {
			"cmd/optin", "internal/inbox", "internal/openapi", "templates", "templates/dashboard",
		},
	}
}

func TestDependenciesPointOneWay(t *testing.T) {
	table, never := allowedImports(), forbiddenImports()
	for pkg, imports := range importsOf(t, filepath.Join("..", "..")) {
		allowed, known := table[pkg]
		if !known {
			t.Errorf("package %s is not in the table: list its imports here", pkg)
		}
		for _, i := range imports {
			if isForeign(i) && !slices.Contains(allowed, i) {
				t.Errorf("%s imports %s, which the table does not allow: %v", pkg, i, allowed)
			}
			if slices.Contains(never[pkg], i) || slices.Contains(byName(), i) {
				t.Errorf("%s imports %s, which is forbidden", pkg, i)
			}
		}
		for _, a := range allowed {
			if !slices.Contains(imports, a) {
				t.Errorf("%s does not import %s any more: delete it from the table", pkg, a)
			}
		}
		delete(table, pkg)
	}
	for pkg := range table {
		t.Errorf("package %s is in the table and does not exist", pkg)
	}
}

func TestEveryModuleHasOneImporterAndALineThatSaysWhy(t *testing.T) {
	reasons, err := os.ReadFile(filepath.Join("..", "..", "docs", "dependencies.md"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	importers := map[string][]string{}
	for pkg, imports := range importsOf(t, filepath.Join("..", "..")) {
		for _, i := range imports {
			if strings.Contains(i, ".") {
				importers[i] = append(importers[i], pkg)
			}
		}
	}
	if len(importers) < 10 {
		t.Fatalf("only %d modules were found: %v", len(importers), importers)
	}
	for module, by := range importers {
		slices.Sort(by)
		if several := shared()[module]; several != nil {
			if !slices.Equal(by, several) {
				t.Errorf("%s is imported by %v, and shared by %v", module, by, several)
			}
		} else if !oneTree(by) && !strings.HasPrefix(module, "golang.org/x/") { // those extend the standard library
			t.Errorf("%s is imported by %v: only one package may import it, and the packages below that one", module,
				by)
		}
		if err == nil && !strings.Contains(string(reasons), module) {
			t.Errorf("docs/dependencies.md does not say why %s is used", module)
		}
	}
}

// oneTree reports whether all packages, sorted, are the first one or below it.
func oneTree(packages []string) bool {
	return !slices.ContainsFunc(packages[1:], func(p string) bool { return !strings.HasPrefix(p, packages[0]+"/") })
}

// isForeign reports whether an import is outside the standard library: a package of ours (by its path within the
// module), or a module.
func isForeign(i string) bool {
	_, known := allowedImports()[i]
	return known || strings.Contains(i, ".")
}

// importsOf returns the imports of each package of a tree, without tests: ours by their path within the module, modules
// of others by their path, and packages of the standard library. Each is listed once.
func importsOf(t *testing.T, root string) map[string][]string {
	t.Helper()
	modules, all := modulesOf(t, root), map[string][]string{}
	err := eachGoFile(root, func(file string) error {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(folder)
		imports := all[pkg]
		for _, spec := range parsed.Imports {
			i, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if i = importedAs(i, modules); !slices.Contains(imports, i) {
				imports = append(imports, i)
			}
		}
		all[pkg] = imports // a package without any is one, too
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// eachGoFile calls f with each Go file of a tree that is not a test.
func eachGoFile(root string, f func(file string) error) error {
	return filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		return f(file)
	})
}

// importedAs shortens an import to what the table lists.
func importedAs(i string, modules []string) string {
	if within, ok := strings.CutPrefix(i, ours); ok {
		return within
	}
	best := i
	for _, m := range modules {
		if (i == m || strings.HasPrefix(i, m+"/")) && (best == i || len(m) > len(best)) {
			best = m
		}
	}
	return best
}

// modulesOf reads the names of all modules in go.mod.
func modulesOf(t *testing.T, root string) (all []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	required := regexp.MustCompile(`(?m)^(?:require)?\s+([a-z][^\s]*\.[^\s]+) v`)
	for _, m := range required.FindAllStringSubmatch(string(b), -1) {
		all = append(all, m[1])
	}
	if len(all) < 10 {
		t.Fatalf("go.mod names %v", all)
	}
	return all
}

// TestNoTypeDoesEverything counts methods: a type with many hides a second type.
func TestNoTypeDoesEverything(t *testing.T) {
	const most = 25
	methods, receiver := map[string]int{}, regexp.MustCompile(`(?m)^func \(\w* ?\*?(\w+)(?:\[\w+\])?\) \w+`)
	root := filepath.Join("..", "..")
	err := eachGoFile(root, func(file string) error {
		text, err := os.ReadFile(file)
		for _, m := range receiver.FindAllSubmatch(text, -1) {
			methods[filepath.Dir(file)+" "+string(m[1])]++
		}
		return err
	})
	if err != nil || len(methods) < 100 {
		t.Fatalf("%d types have methods, %v", len(methods), err)
	}
	for name, n := range methods {
		if n > most {
			t.Errorf("%s has %d methods, more than %d: look for the second type in it", name, n, most)
		}
	}
}
