package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/openapi/contract"
)

// spelled is a route's pattern as it is described.
func spelled(pattern string) string {
	if pattern == embedVersioned() {
		return "/embed.{hash}.js"
	}
	return pattern
}

func TestEveryRouteIsDescribedAndEveryDescribedOneExists(t *testing.T) {
	w := newWorld(t)
	routed, heads := map[string]bool{}, map[string]bool{}
	for _, rt := range w.web.routes() {
		if rt.method == http.MethodHead { // told once for all: as GET
			heads["GET "+spelled(rt.pattern)] = true
			continue
		}
		routed[rt.method+" "+spelled(rt.pattern)] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(routed)), slices.Sorted(maps.Keys(contract.Operations()))); diff != "" {
		t.Errorf("routes (-) and openapi.yaml (+) differ:\n%s", diff)
	}
	for name := range contract.Operations() {
		if strings.HasPrefix(name, "GET ") && !heads[name] {
			t.Errorf("%s has no HEAD, which the description promises for all", name)
		}
	}
	for name, op := range contract.Operations() {
		for _, rt := range w.web.routes() {
			if rt.method+" "+spelled(rt.pattern) != name {
				continue
			}
			security, _ := op["security"].([]any)
			if keyed := len(security) == 1; keyed != (rt.needs != 0) {
				t.Errorf("%s: an API key is needed: %t; described: %t", name, rt.needs != 0, keyed)
			}
		}
	}
}

// codes are the constants of type code in this package.
func codes(t *testing.T) (all []string) {
	t.Helper()
	for _, file := range []string{"problem.go", "problem_api.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		must(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
				if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "code" {
					text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
					must(t, err)
					all = append(all, text)
				}
			}
			return true
		})
	}
	slices.Sort(all)
	return all
}

func TestEveryCodeIsDescribedWithItsStatusAndWordsAndEveryDescribedOneExists(t *testing.T) {
	var listed []string
	one, _ := contract.At(contract.Description(), "components", "schemas", "Code")["oneOf"].([]any)
	for _, x := range one {
		c := code(contract.At(x)["const"].(string))
		listed = append(listed, string(c))
		status, detail := c.words()
		if got := contract.At(x); got["x-status"] != float64(status) || got["description"] != detail {
			t.Errorf("%s is described as %v %q, and answered as %d %q", c, got["x-status"], got["description"], status, detail)
		}
	}
	slices.Sort(listed)
	if diff := cmp.Diff(codes(t), listed); diff != "" {
		t.Errorf("codes (-) and openapi.yaml (+) differ:\n%s", diff)
	}
	used := map[string]bool{}
	note := func(response any) {
		for _, c := range contract.Words(contract.At(response)["x-codes"]) {
			used[c] = true
		}
	}
	for _, op := range contract.Operations() {
		for status, r := range contract.At(op, "responses") {
			note(r)
			for _, c := range contract.Words(contract.At(r)["x-codes"]) {
				if s, _ := code(c).words(); status != "default" && status != strconv.Itoa(s) && c != "unreadable" {
					t.Errorf("%s: %s is described under %s and is %d", op["operationId"], c, status, s)
				}
			}
		}
	}
	note(contract.At(contract.Description(), "components", "responses", "Elsewhere"))
	if diff := cmp.Diff(listed, slices.Sorted(maps.Keys(used))); diff != "" {
		t.Errorf("codes (-) and those that stand behind an answer (+) differ:\n%s", diff)
	}
}
