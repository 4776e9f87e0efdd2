package templates

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/optin/optin/confirm/statement"
)

// madeKeys lists the messages whose keys are put together.
func madeKeys() []string {
	keys := append(conventionKeys(), pluralKeys()...)
	for _, code := range append(Codes(), "other") {
		keys = append(keys, "error."+code)
	}
	for _, name := range states() {
		keys = append(keys, "state."+name)
	}
	for _, action := range stepActions() {
		keys = append(keys, "step."+action)
	}
	for _, method := range stepMethods() {
		keys = append(keys, "method."+method)
	}
	for _, right := range statement.Rights() {
		keys = append(keys, "right."+string(right))
	}
	for _, status := range statuses() {
		keys = append(keys, fmt.Sprintf("failure.%d.heading", status), fmt.Sprintf("failure.%d.text", status))
	}
	return keys
}

// Every message that is asked for is in the English file, and so in all that are offered; none is there for nobody.
func TestTheMessagesAreThoseThatAreAskedFor(t *testing.T) {
	s := newSet(t)
	asked := map[string]bool{}
	for _, key := range madeKeys() {
		asked[key] = true
	}
	call, literal := regexp.MustCompile(`\btext\("([^"]+)"`), regexp.MustCompile(`"([a-z]+\.[a-z0-9_.]+)"`)
	for _, name := range sources(t) {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(content), -1) {
			if !strings.HasSuffix(m[1], ".") { // which the rest follows
				asked[m[1]] = true
			}
		}
		for _, m := range literal.FindAllStringSubmatch(string(content), -1) {
			if _, there := s.translations[0].messages[m[1]]; there {
				asked[m[1]] = true
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(asked)) {
		if _, there := s.translations[0].messages[key]; !there {
			t.Errorf("%q is asked for, and is in no file", key)
		}
	}
	for _, key := range s.keys() {
		if !asked[key] {
			t.Errorf("%q is asked for by nobody", key)
		}
	}
}

// sources lists the files that may ask for messages.
func sources(t *testing.T) (all []string) {
	t.Helper()
	for _, pattern := range []string{"*.go", "*.templ"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !strings.HasSuffix(name, "_test.go") && !strings.HasSuffix(name, "_templ.go") {
				all = append(all, name)
			}
		}
	}
	return all
}
