package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents returns the Markdown files of the repository, by their paths from its root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	root, all := filepath.Join("..", ".."), map[string]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "testdata", "node_modules"}, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(file) != ".md":
			return nil
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		all[filepath.ToSlash(name)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 15 {
		t.Fatalf("only %d documents were found", len(all))
	}
	return all
}

// anchors returns the fragments that the headings of a document can be linked by, as GitHub makes them.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, h := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(h[1]), "")
		all[strings.ReplaceAll(kept, " ", "-")] = true
	}
	return all
}

func TestEveryLinkBetweenTheDocumentsLeadsSomewhere(t *testing.T) {
	all := documents(t)
	links := 0
	for name, text := range all {
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			to, fragment, _ := strings.Cut(link[1], "#")
			if strings.Contains(to, "://") {
				continue
			}
			links++
			target := filepath.ToSlash(filepath.Join(filepath.Dir(name), to))
			if to == "" {
				target = name
			}
			if _, err := os.Stat(filepath.Join("..", "..", target)); err != nil {
				t.Errorf("%s links to %s, which is not there", name, link[1])
			}
			if fragment != "" && !anchors(all[target])[fragment] {
				t.Errorf("%s links to %s, and %s has no such heading", name, link[1], target)
			}
		}
	}
	if links < 30 {
		t.Errorf("only %d links were found", links)
	}
}

func TestTheArchitectureNamesEveryPackage(t *testing.T) {
	_, tree, found := strings.Cut(documents(t)["docs/architecture.md"], "```\ncmd/optin/ ")
	tree, _, closed := strings.Cut("cmd/optin/ "+tree, "```")
	if !found || !closed {
		t.Fatal("docs/architecture.md has no tree of packages")
	}
	named := map[string]bool{}
	for line := range strings.Lines(tree) {
		name, _, _ := strings.Cut(line, "/ ")
		named[name] = true
	}
	for pkg := range importsOf(t, filepath.Join("..", "..")) {
		if top, _, _ := strings.Cut(pkg, "/"); !named[pkg] && !named[top] {
			t.Errorf("docs/architecture.md does not say what %s is", pkg)
		}
	}
	for name := range named {
		if _, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(name))); err != nil {
			t.Errorf("docs/architecture.md names %s, which is not there", name)
		}
	}
}
