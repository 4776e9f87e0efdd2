package web

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/openapi"
)

// object is a part of the API's description.
type object = map[string]any

// described is the description, read once for all tests.
var described = sync.OnceValue(func() (doc object) {
	if err := json.Unmarshal(openapi.JSON(), &doc); err != nil {
		panic(err)
	}
	return doc
})

// at follows names from an object, and a reference wherever one stands; nil if there is nothing.
func at(o any, names ...string) object {
	here, _ := o.(object)
	if ref, ok := here["$ref"].(string); ok {
		here = at(described(), strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	if len(names) == 0 || here == nil {
		return here
	}
	return at(here[names[0]], names[1:]...)
}

// words are the strings of a list.
func words(list any) (all []string) {
	some, _ := list.([]any)
	for _, x := range some {
		all = append(all, x.(string))
	}
	return all
}

// operations are all, as "GET /path".
func operations() map[string]object {
	all := map[string]object{}
	for pattern, item := range at(described(), "paths") {
		for method := range at(item) {
			if method != "parameters" {
				all[strings.ToUpper(method)+" "+pattern] = at(item, method)
			}
		}
	}
	return all
}

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
	if diff := cmp.Diff(slices.Sorted(maps.Keys(routed)), slices.Sorted(maps.Keys(operations()))); diff != "" {
		t.Errorf("routes (-) and openapi.yaml (+) differ:\n%s", diff)
	}
	for name := range operations() {
		if strings.HasPrefix(name, "GET ") && !heads[name] {
			t.Errorf("%s has no HEAD, which the description promises for all", name)
		}
	}
	for name, op := range operations() {
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
	one, _ := at(described(), "components", "schemas", "Code")["oneOf"].([]any)
	for _, x := range one {
		c := code(at(x)["const"].(string))
		listed = append(listed, string(c))
		status, detail := c.words()
		if got := at(x); got["x-status"] != float64(status) || got["description"] != detail {
			t.Errorf("%s is described as %v %q, and answered as %d %q", c, got["x-status"], got["description"], status, detail)
		}
	}
	slices.Sort(listed)
	if diff := cmp.Diff(codes(t), listed); diff != "" {
		t.Errorf("codes (-) and openapi.yaml (+) differ:\n%s", diff)
	}
	used := map[string]bool{}
	note := func(response any) {
		for _, c := range words(at(response)["x-codes"]) {
			used[c] = true
		}
	}
	for _, op := range operations() {
		for status, r := range at(op, "responses") {
			note(r)
			for _, c := range words(at(r)["x-codes"]) {
				if s, _ := code(c).words(); status != "default" && status != strconv.Itoa(s) && c != "unreadable" {
					t.Errorf("%s: %s is described under %s and is %d", op["operationId"], c, status, s)
				}
			}
		}
	}
	note(at(described(), "components", "responses", "Elsewhere"))
	if diff := cmp.Diff(listed, slices.Sorted(maps.Keys(used))); diff != "" {
		t.Errorf("codes (-) and those that stand behind an answer (+) differ:\n%s", diff)
	}
}
