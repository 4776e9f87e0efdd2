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

// mayImport is who may know whom: packages of ours, and modules of others. The standard library is everybody's, but for apart.
func mayImport() map[string][]string {
	return map[string][]string{
		"internal/keyring":   {},
		"store":              {},
		"store/redis":        {"store", "github.com/redis/go-redis/v9"},
		"store/sqlite":       {"store", "modernc.org/sqlite"},
		"store/storetest":    {"store", "github.com/google/go-cmp"},
		"internal/address":   {"golang.org/x/net"},
		"internal/token":     {"store", "internal/keyring", "github.com/golang-jwt/jwt/v5"},
		"confirm/consent":    {"store", "internal/address"},
		"confirm":            {"store", "confirm/consent", "internal/address", "internal/keyring", "internal/token"},
		"internal/outbox":    {"store"},
		"templates":          {"github.com/nicksnyder/go-i18n/v2", "golang.org/x/text"},
		"internal/theme":     {},
		"internal/openapi":   {"go.yaml.in/yaml/v4"},
		"mailer":             {"confirm", "confirm/consent", "internal/address", "internal/outbox", "store", "templates", "github.com/wneessen/go-mail"},
		"internal/webhook":   {"confirm", "confirm/consent", "internal/outbox", "store"},
		"internal/bounce":    {"confirm", "internal/address", "internal/token"},
		"internal/challenge": {},
		"internal/preflight": {"blitiri.com.ar/go/spf"},
		"internal/web":       {"confirm", "confirm/consent", "internal/address", "internal/token", "store", "templates", "internal/keyring", "internal/theme", "internal/openapi", "internal/bounce", "internal/challenge", "internal/webhook", "github.com/labstack/echo/v4"},
		"internal/config":    {"internal/keyring", "internal/relay", "internal/theme", "go.yaml.in/yaml/v4", "golang.org/x/text"},
		"internal/relay":     {},
		"internal/inbox":     {"github.com/emersion/go-smtp"},
		"internal/metrics":   {"github.com/prometheus/client_golang"},
		// For tests only: nobody may import it.
		"internal/openapi/contract": {"internal/openapi", "github.com/santhosh-tekuri/jsonschema/v6"},
		// Examples are for people who have nothing of ours.
		"examples/receiver-go":     {},
		"examples/listmonk-bridge": {},
		"cmd/optin": {
			"internal/keyring", "store", "store/redis", "store/sqlite", "confirm", "confirm/consent", "internal/address", "internal/outbox", "templates", "mailer", "internal/webhook", "internal/web", "internal/config", "internal/inbox", "internal/metrics",
			"internal/bounce", "internal/challenge", "internal/preflight", "internal/relay",
		},
	}
}

// apart is what the rules, and the contract of stores, know nothing of: time, place and wires come in from outside.
func apart() map[string][]string {
	wires := []string{"net", "net/http", "net/smtp", "database/sql", "log", "log/slog", "os", "os/exec"}
	return map[string][]string{
		"confirm": wires, "confirm/consent": wires, "store": wires, "internal/keyring": wires, "internal/address": wires, "internal/token": wires,
	}
}

// shared lists the modules that more than one package may import. Any other module has one package that knows it.
func shared() map[string][]string {
	return map[string][]string{
		// Both read a YAML file, each in its own way: one with the line of every key, one as JSON.
		"go.yaml.in/yaml/v4": {"internal/config", "internal/openapi"},
	}
}

func TestDependenciesPointOneWay(t *testing.T) {
	table, never := mayImport(), apart()
	for pkg, imports := range importsOf(t, filepath.Join("..", "..")) {
		allowed, known := table[pkg]
		if !known {
			t.Errorf("package %s is not in the table: say here what it may know", pkg)
		}
		for _, i := range imports {
			if foreign(i) && !slices.Contains(allowed, i) {
				t.Errorf("%s imports %s, which is none of its business: %v", pkg, i, allowed)
			}
			if slices.Contains(never[pkg], i) {
				t.Errorf("%s imports %s, and is to know nothing of it", pkg, i)
			}
		}
		for _, a := range allowed {
			if !slices.Contains(imports, a) {
				t.Errorf("%s does not import %s any more: take it out of the table", pkg, a)
			}
		}
		delete(table, pkg)
	}
	for pkg := range table {
		t.Errorf("package %s stands in the table and is not there", pkg)
	}
}

func TestEveryForeignModuleHasOneImporterAndALineThatSaysWhy(t *testing.T) {
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
		} else if len(by) != 1 && !strings.HasPrefix(module, "golang.org/x/") { // those extend the standard library
			t.Errorf("%s is imported by %v: one package may know it", module, by)
		}
		if err == nil && !strings.Contains(string(reasons), module) {
			t.Errorf("docs/dependencies.md does not say why there is %s", module)
		}
	}
}

// foreign tells what is not of the standard library: a package of ours (by its path within the module), or somebody's module.
func foreign(i string) bool { _, known := mayImport()[i]; return known || strings.Contains(i, ".") }

// importsOf reads which packages of a tree import what outside tests: ours by their path within the module, modules of others by
// theirs, the standard library as it is. Each is named once.
func importsOf(t *testing.T, root string) map[string][]string {
	t.Helper()
	modules, all := modulesOf(t, root), map[string][]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(folder)
		for _, spec := range parsed.Imports {
			i, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if i = whose(i, modules); !slices.Contains(all[pkg], i) {
				all[pkg] = append(all[pkg], i)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// whose shortens an import to what the table names.
func whose(i string, modules []string) string {
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
	for _, m := range regexp.MustCompile(`(?m)^(?:require)?\s+([a-z][^\s]*\.[^\s]+) v`).FindAllStringSubmatch(string(b), -1) {
		all = append(all, m[1])
	}
	if len(all) < 10 {
		t.Fatalf("go.mod names %v", all)
	}
	return all
}
