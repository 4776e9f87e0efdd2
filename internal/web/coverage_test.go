package web

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/optin/optin/internal/openapi/contract"
	"github.com/optin/optin/internal/problem"
)

// given are the answers that tests have had: "operation status", "operation status code", and codes alone. Only
// TestMain sees all tests, so there is no test that could hold it.
var given sync.Map

// TestMain fails where openapi.yaml promises a call, a status or a code that no test was answered. It needs all tests
// for that, and says nothing of a part of them.
func TestMain(m *testing.M) {
	code := m.Run()
	part := slices.ContainsFunc([]string{"run", "skip", "list", "fuzz"},
		func(name string) bool { return flag.Lookup("test."+name).Value.String() != "" })
	if code == 0 && !part {
		for _, lacking := range ungiven() {
			fmt.Fprintln(os.Stderr, "openapi.yaml describes, and no test is answered:", lacking)
			code = 1
		}
	}
	os.Exit(code)
}

// note remembers an answer.
func (a answer) note(method, target string) {
	var p struct {
		Code   string
		Errors []struct{ Code string }
	}
	if a.media() == "application/problem+json" {
		_ = json.Unmarshal([]byte(a.body), &p) // what is no JSON is told of elsewhere
	}
	name := fmt.Sprintf("%v %d", contract.Operation(method, target)["operationId"], a.status)
	given.Store(name, true)
	for _, c := range append(p.Errors, struct{ Code string }{p.Code}) {
		given.Store(c.Code, true)
		given.Store(name+" "+c.Code, true)
	}
}

// ungiven are what is described and was not answered.
func ungiven() (all []string) {
	lacks := func(what string) {
		if _, ok := given.Load(what); !ok {
			all = append(all, what)
		}
	}
	one, _ := contract.At(contract.Description(), "components", "schemas", "Code")["oneOf"].([]any)
	for _, x := range one {
		lacks(contract.At(x)["const"].(string))
	}
	for _, op := range contract.Operations() {
		for status, r := range contract.At(op, "responses") {
			if status == "default" {
				continue // may come of any call: each of its codes comes of one
			}
			name := fmt.Sprintf("%v %s", op["operationId"], status)
			lacks(name)
			for _, c := range contract.Words(contract.At(r)["x-codes"]) {
				if c != string(problem.Unreadable) && c != string(problem.Unavailable) { // as those under default
					lacks(name + " " + c)
				}
			}
		}
	}
	slices.SortFunc(all, strings.Compare)
	return slices.Compact(all)
}
