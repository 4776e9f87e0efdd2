package web

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/internal/openapi/contract"
	"github.com/optin/optin/internal/problem"
)

// spelled is a route's pattern as it is described.
func spelled(pattern string) string {
	switch pattern {
	case versioned(embedPath):
		return "/embed.{hash}.js"
	case versioned(elementPath):
		return "/optin-form.{hash}.js"
	}
	return pattern
}

func TestEveryRouteIsDescribedAndEveryDescribedOneExists(t *testing.T) {
	e := newEnv(t)
	routed, heads := map[string]bool{}, map[string]bool{}
	for _, rt := range e.routes() {
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
	paths := e.paths()
	for _, rt := range e.routes() {
		a := e.send(rt.method, paths[rt.pattern], "")
		if keyed := a.status == http.StatusUnauthorized; keyed != (rt.key() != "") {
			t.Errorf("%s %s: an API key is needed: %t; described: %t", rt.method, rt.pattern, keyed, rt.key() != "")
		}
	}
}

// codes are those that programs are told.
func codes() (all []string) {
	for _, p := range problem.All() {
		if !p.PageOnly {
			all = append(all, string(p.Code))
		}
	}
	slices.Sort(all)
	return all
}

func TestEveryCodeIsDescribedWithItsStatusAndWordsAndEveryDescribedOneExists(t *testing.T) {
	var listed []string
	one, _ := contract.At(contract.Description(), "components", "schemas", "Code")["oneOf"].([]any)
	for _, x := range one {
		p := problem.Of(problem.Code(contract.At(x)["const"].(string)))
		listed = append(listed, string(p.Code))
		if got := contract.At(x); got["x-status"] != float64(p.Status) || got["description"] != p.Detail {
			t.Errorf("%s is described as %v %q, and answered as %d %q", p.Code, got["x-status"], got["description"],
				p.Status, p.Detail)
		}
	}
	slices.Sort(listed)
	if diff := cmp.Diff(codes(), listed); diff != "" {
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
				if s := problem.Code(c).Status(); status != "default" && status != strconv.Itoa(s) &&
					c != "unreadable" {
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
