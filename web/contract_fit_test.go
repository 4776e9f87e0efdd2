package web

import (
	"encoding/json"
	"net/http"
	"testing"
)

func TestTheExamplesOfTheDescriptionFitItsSchemas(t *testing.T) {
	n := 0
	check := func(name string, content object, request bool) {
		for media := range content {
			for title, x := range at(content, media, "examples") {
				if request && at(x)["x-status"] == float64(http.StatusUnprocessableEntity) {
					continue
				}
				n++
				for _, wrong := range breaches(at(content, media, "schema"), at(x)["value"], "it") {
					t.Errorf("%s, example %s: %s", name, title, wrong)
				}
			}
		}
	}
	for name, op := range operations() {
		check(name, at(op, "requestBody", "content"), true)
		for status, r := range at(op, "responses") {
			check(name+" "+status, at(r, "content"), false)
		}
	}
	if n < 15 {
		t.Errorf("%d examples", n)
	}
}

func TestAnAnswerThatIsNotAsDescribedIsFound(t *testing.T) {
	read := func(b string) (v any) { must(t, json.Unmarshal([]byte(b), &v)); return v }
	for schema, rows := range map[string]map[string]bool{
		"Standing":   {`{"state":"confirmed"}`: true, `{"state":"x"}`: false, `{}`: false, `{"state":"confirmed","more":1}`: false, `[]`: false, `{"state":1}`: false},
		"Resent":     {`{"status":"accepted","letter":"owed"}`: true, `{"status":"refused","letter":"owed"}`: false},
		"Purpose":    {`{"id":"a","state":"pending","since":"2026-11-21T18:00:00Z","text":"","text_sha256":""}`: true, `{"id":"a","state":"pending","since":"today","text":"","text_sha256":""}`: false},
		"ParkedPage": {`{"parked":[],"next":null}`: true, `{"parked":null,"next":null}`: false, `{"parked":[{"id":1,"endpoint":""}],"next":null}`: false, `{"parked":[],"next":1}`: false},
		"Replayed":   {`{"replayed":1,"unknown":[],"more":false}`: true, `{"replayed":1.5,"unknown":[],"more":false}`: false},
		"Ids":        {`"a"`: true, `["a"]`: true, `[1]`: false, `1`: false},
		"Code":       {`"unreadable"`: true, `"nothing"`: false},
	} {
		for value, want := range rows {
			if got := breaches(at(described(), "components", "schemas", schema), read(value), "it"); (len(got) == 0) != want {
				t.Errorf("%s %s: %v", schema, value, got)
			}
		}
	}
}
