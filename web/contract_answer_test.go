package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// asDescribed holds an answer against the description of the API; every answer to every test comes by.
func (a answer) asDescribed(t testing.TB, method, target string) {
	t.Helper()
	op := operationOf(method, target)
	if op == nil {
		return // no such path or method: tests of the router say what is answered
	}
	name := fmt.Sprintf("%s answers %d %s", op["operationId"], a.status, a.media())
	failed := at(op, "responses", "default")
	described := at(op, "responses", strconv.Itoa(a.status))
	if described == nil {
		described = failed
		if a.status < http.StatusBadRequest {
			t.Errorf("%s, which openapi.yaml does not describe", name)
			return
		}
	}
	if a.body == "" {
		return
	}
	content := at(described, "content", a.media())
	if content == nil && at(described, "content", "*/*") == nil && at(failed, "content", a.media()) == nil {
		t.Errorf("%s, a media type that openapi.yaml does not describe", name)
	}
	if a.media() != mediaJSON && a.media() != "application/problem+json" {
		return
	}
	if content == nil {
		content = at(failed, "content", a.media())
	}
	var body any
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Errorf("%s, which is no JSON: %v", name, err)
		return
	}
	for _, wrong := range breaches(at(content, "schema"), body, "body") {
		t.Errorf("%s, against openapi.yaml: %s\n%s", name, wrong, a.body)
	}
	if c := at(body)["code"]; a.status >= http.StatusBadRequest && c != nil {
		if !slices.Contains(append(words(described["x-codes"]), words(failed["x-codes"])...), c.(string)) {
			t.Errorf("%s with %v, a code that openapi.yaml does not describe there", name, c)
		}
	}
}

// patterns finds the described path of a request.
var patterns = sync.OnceValue(func() map[string]*regexp.Regexp {
	all := map[string]*regexp.Regexp{}
	for pattern := range at(described(), "paths") {
		expr := regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(pattern), `[A-Za-z0-9._~-]+`)
		all[pattern] = regexp.MustCompile("^" + expr + "$")
	}
	return all
})

// operationOf is the described operation of a request; nil if there is none.
func operationOf(method, target string) object {
	target, _, _ = strings.Cut(target, "?")
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if target != path.Clean(target) {
		return nil
	}
	for pattern, expr := range patterns() {
		if expr.MatchString(target) {
			return at(described(), "paths", pattern, strings.ToLower(method))
		}
	}
	return nil
}
