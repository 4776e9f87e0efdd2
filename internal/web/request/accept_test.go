package request

import (
	"net/http"
	"strings"
	"testing"
)

func TestAcceptIsReadByItsWeights(t *testing.T) {
	for accept, want := range map[string][2]bool{
		"": {}, "*/*": {}, "text/html": {true, false}, "application/json": {false, true},
		"application/problem+json":                  {false, true},
		"text/html,application/xhtml+xml,*/*;q=0.8": {true, false}, "application/json, text/html": {true, false},
		"application/json, text/html;q=0.5": {false, true}, "text/html;q=0": {}, "TEXT/HTML; Q=0.1": {true, false},
		"application/json;q=x": {}, "text/html;q=NaN": {}, "application/json;q=2": {},
	} {
		r := &http.Request{Header: http.Header{"Accept": strings.Split(accept, "|")}}
		if page, json := Accepts(r); page != want[0] || json != want[1] {
			t.Errorf("%q: page %t, JSON %t", accept, page, json)
		}
	}
}
