// Package contract holds answers against the description of the API. It is for tests: those of web send every answer of theirs by it, and
// the end-to-end tests every answer of the program.
//
// It reads as much of OpenAPI 3.1, and of JSON Schema 2020-12, as openapi.yaml uses. A word of a schema that it does not know is a breach,
// so that a rule is never written down and then kept by nobody.
//
// What is held against the description: the status (one of failure may be told for all calls at once, under "default"), the headers that
// are required, those that tell of limits, the media type, the body where it is JSON, and the code of a problem.
package contract

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/optin/optin/internal/openapi"
)

// Object is a part of the description, or a value that is held against it, as encoding/json decodes it.
type Object = map[string]any

// description is read once.
var description = sync.OnceValue(func() (doc Object) {
	if err := json.Unmarshal(openapi.JSON(), &doc); err != nil {
		panic(err) // it is our own, and embedded
	}
	return doc
})

// Description is all of it. It must not be changed.
func Description() Object { return description() }

// At follows names from a part of the description, and a reference wherever one stands; nil if there is nothing.
func At(o any, names ...string) Object {
	here, _ := o.(Object)
	if ref, ok := here["$ref"].(string); ok {
		here = At(description(), strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	if len(names) == 0 || here == nil {
		return here
	}
	return At(here[names[0]], names[1:]...)
}

// Words are the strings of a list.
func Words(list any) (all []string) {
	some, _ := list.([]any)
	for _, x := range some {
		all = append(all, x.(string))
	}
	return all
}

// Operations are all calls, each by its method and path, as "GET /docs".
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

// Operation is the call that a request makes, of which target is the path and query; nil if none is described. HEAD is as GET.
func Operation(method, target string) Object {
	target, _, _ = strings.Cut(target, "?")
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if target != path.Clean(target) {
		return nil
	}
	for pattern, expr := range patterns() {
		if expr.MatchString(target) {
			return At(description(), "paths", pattern, strings.ToLower(method))
		}
	}
	return nil
}

// Event says what is wrong with the body of a webhook's call: nothing if it is as described.
func Event(body []byte) []string {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return []string{fmt.Sprintf("an event is no JSON: %v", err)}
	}
	described := At(description(), "webhooks", "subscription", "post", "requestBody", "content", "application/json", "schema")
	return Breaches(described, value, "an event")
}

// patterns are the described paths, as what finds them.
var patterns = sync.OnceValue(func() map[string]*regexp.Regexp {
	all := map[string]*regexp.Regexp{}
	for pattern := range At(description(), "paths") {
		expr := regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(pattern), `[A-Za-z0-9._~-]+`)
		all[pattern] = regexp.MustCompile("^" + expr + "$")
	}
	return all
})
