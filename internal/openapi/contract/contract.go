// Package contract checks responses against the description of the API (package openapi). It is for tests only: those
// of package web send every response through it, and so do the end-to-end tests of the program.
//
// CheckResponse checks the status (a failure may be described for every call, under "default"), the required headers,
// the headers that tell of rate limits, the media type, a JSON body against its schema, and the code of a problem.
//
// Schemas are JSON Schema 2020-12, as OpenAPI 3.1 says, and are checked by santhosh-tekuri/jsonschema. One rule is
// ours: a keyword or a format that the validator would pass over is an error, so that no rule is written down and then
// never enforced.
package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/optin/optin/internal/openapi"
)

// Object is a JSON object as encoding/json decodes it: a part of the description, or a value held against it.
type Object = map[string]any

// description is the parsed document. It is embedded and our own, so an error in it is a bug.
var description = sync.OnceValue(func() (doc Object) {
	b, err := openapi.JSON()
	if err != nil {
		panic(err)
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		panic(err)
	}
	return doc
})

// schemas validates against the schemas of the description.
var schemas = sync.OnceValue(func() *validator {
	v, err := newValidator(description())
	if err != nil {
		panic(err)
	}
	return v
})

// Description returns the whole description. The caller must not change it.
func Description() Object { return description() }

// At follows names from a part of the description, and every reference on the way. It returns nil if there is nothing.
func At(part any, names ...string) Object {
	return node{value: part}.at(names...).object()
}

// node is a part of the description and where it is. The pointer is right for what was reached from root.
type node struct {
	pointer string // JSON Pointer (RFC 6901), empty for the whole document
	value   any
}

func root() node { return node{value: description()} }

// at follows names, and every reference on the way and at the end.
func (n node) at(names ...string) node {
	if ref, ok := n.object()["$ref"].(string); ok {
		n = root().at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	if len(names) == 0 || n.value == nil {
		return n
	}
	escaped := strings.NewReplacer("~", "~0", "/", "~1").Replace(names[0])
	return node{n.pointer + "/" + escaped, n.object()[names[0]]}.at(names[1:]...)
}

func (n node) object() Object { o, _ := n.value.(Object); return o }

// Words returns the strings of a list.
func Words(list any) (all []string) {
	some, _ := list.([]any)
	for _, x := range some {
		all = append(all, x.(string))
	}
	return all
}

// Operations returns every operation by its method and path, such as "GET /docs".
func Operations() map[string]Object {
	all := map[string]Object{}
	for pattern, item := range At(description(), "paths") {
		for method := range At(item) {
			if method != "parameters" {
				all[strings.ToUpper(method)+" "+pattern] = At(item, method)
			}
		}
	}
	return all
}

// Operation returns the operation that a request calls, or nil if none is described. Target is its path and query.
// HEAD is described as GET.
func Operation(method, target string) Object { return operation(method, target).object() }

func operation(method, target string) node {
	target, _, _ = strings.Cut(target, "?")
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if target != path.Clean(target) {
		return node{}
	}
	for pattern, expr := range patterns() {
		if expr.MatchString(target) {
			return root().at("paths", pattern, strings.ToLower(method))
		}
	}
	return node{}
}

// patterns returns the described paths, each with an expression that matches its addresses.
var patterns = sync.OnceValue(func() map[string]*regexp.Regexp {
	all := map[string]*regexp.Regexp{}
	for pattern := range At(description(), "paths") {
		expr := regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(pattern), `[A-Za-z0-9._~-]+`)
		if strings.HasSuffix(pattern, "/{tile}") { // several segments
			expr = strings.TrimSuffix(expr, `[A-Za-z0-9._~-]+`) + `[A-Za-z0-9._~/-]+`
		}
		all[pattern] = regexp.MustCompile("^" + expr + "$")
	}
	return all
})

// CheckEvent says what is wrong with the body of a webhook call. It returns nothing if the body is as described.
func CheckEvent(body []byte) []string {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return []string{fmt.Sprintf("the event is not JSON: %v", err)}
	}
	described := root().at("webhooks", "subscription", "post", "requestBody", "content", "application/json", "schema")
	return schemas().breaches(described, value, "the event")
}
