package dashboard

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// constantsOf returns the values of a type's constants in a file of package consent.
func constantsOf(t *testing.T, file, name string) (all []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../../confirm/consent/"+file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if is, ok := spec.Type.(*ast.Ident); !ok || is.Name != name {
			return true
		}
		for _, v := range spec.Values {
			said, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, said)
		}
		return true
	})
	return all
}

func TestAllThatHappensToAPersonHasWords(t *testing.T) {
	for name, row := range map[string]struct {
		file  string
		least int
		words func(string) string
	}{
		"StepAction": {"timeline.go", 26, StepInWords},
		"Method":     {"subscription.go", 14, MethodInWords},
		"State":      {"subscription.go", 8, StateInWords},
	} {
		all := constantsOf(t, row.file, name)
		if len(all) < row.least {
			t.Errorf("only %d constants of %s were found", len(all), name)
		}
		said := map[string]string{}
		for _, value := range all {
			words := row.words(value)
			if words == strings.ReplaceAll(value, "_", " ") || said[words] != "" {
				t.Errorf("%s has no words of its own: %q, as %q", value, words, said[words])
			}
			said[words] = value
		}
	}
}
