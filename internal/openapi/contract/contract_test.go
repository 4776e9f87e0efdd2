package contract

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheExamplesOfTheDescriptionFitItsSchemas(t *testing.T) {
	n := 0
	check := func(name string, content Object, request bool) {
		for media := range content {
			for title, x := range At(content, media, "examples") {
				if request && At(x)["x-status"] == float64(http.StatusUnprocessableEntity) {
					continue
				}
				n++
				for _, wrong := range Breaches(At(content, media, "schema"), At(x)["value"], "it") {
					t.Errorf("%s, example %s: %s", name, title, wrong)
				}
			}
		}
	}
	for name, op := range Operations() {
		check(name, At(op, "requestBody", "content"), true)
		for status, r := range At(op, "responses") {
			check(name+" "+status, At(r, "content"), false)
		}
	}
	if n < 15 {
		t.Errorf("%d examples", n)
	}
}

func TestAValueThatBreaksASchemaOfTheDescriptionIsFound(t *testing.T) {
	for schema, rows := range map[string]map[string]bool{
		"Standing":   {`{"state":"confirmed"}`: true, `{"state":"x"}`: false, `{}`: false, `{"state":"confirmed","more":1}`: false, `[]`: false, `{"state":1}`: false},
		"Resent":     {`{"status":"accepted","letter":"owed"}`: true, `{"status":"refused","letter":"owed"}`: false},
		"Purpose":    {`{"id":"a","state":"pending","since":"2026-11-21T18:00:00Z","text":"","text_sha256":""}`: true, `{"id":"a","state":"pending","since":"today","text":"","text_sha256":""}`: false},
		"ParkedPage": {`{"parked":[],"next_cursor":null}`: true, `{"parked":null,"next_cursor":null}`: false, `{"parked":[{"id":1,"endpoint":""}],"next_cursor":null}`: false, `{"parked":[],"next_cursor":1}`: false},
		"Replayed":   {`{"replayed":1,"unknown":[],"more":false}`: true, `{"replayed":1.5,"unknown":[],"more":false}`: false},
		"Ids":        {`"a"`: true, `["a"]`: true, `[1]`: false, `1`: false},
		"Code":       {`"unreadable"`: true, `"nothing"`: false},
	} {
		for value, want := range rows {
			if got := Breaches(At(Description(), "components", "schemas", schema), read(t, value), "it"); (len(got) == 0) != want {
				t.Errorf("%s %s: %v", schema, value, got)
			}
		}
	}
}

func TestABoundAndAnUnknownWordOfASchemaAreKept(t *testing.T) {
	for schema, rows := range map[string]map[string]bool{
		`{"minLength":2}`:             {`"é"`: false, `"éé"`: true, `[]`: true, `1`: true},
		`{"maxLength":1}`:             {`"é"`: true, `"ab"`: false, `[1,2]`: true},
		`{"maxItems":1}`:              {`[1]`: true, `[1,2]`: false, `"ab"`: true},
		`{"minimum":1}`:               {`1`: true, `0`: false, `""`: true},
		`{"maximum":1}`:               {`1`: true, `2`: false, `null`: true},
		`{"format":"date"}`:           {`"2026-11-22"`: true, `"22 November"`: false, `1`: true},
		`{"format":"uri"}`:            {`"https://x.test"`: true, `"x"`: false},
		`{"format":"nothing"}`:        {`"x"`: false},
		`{"unheard-of":true}`:         {`1`: false},
		`{"type":["null","boolean"]}`: {`null`: true, `true`: true, `"x"`: false},
	} {
		for value, want := range rows {
			if got := Breaches(read(t, schema).(Object), read(t, value), "it"); (len(got) == 0) != want {
				t.Errorf("%s %s: %v", schema, value, got)
			}
		}
	}
}

func TestAnAnswerThatIsNotAsDescribedIsFound(t *testing.T) {
	const (
		plain  = "application/json"
		failed = "application/problem+json"
		look   = "/v1/sites/gazette/lookup"
		other  = `{"type":"https://x.test","title":"t","status":422,"detail":"d","code":"link_expired"}`
	)
	for _, row := range []struct {
		name, method, target string
		status               int
		header, body         string // headers are "name: value", parted by lines
		want                 []string
	}{
		{"as described", "GET", "/healthz", 200, "Content-Type: " + plain, `{"status":"ok"}`, nil},
		{"HEAD is as GET", "HEAD", "/healthz", 200, "Content-Type: " + plain, "", nil},
		{"a query counts for nothing", "GET", "/healthz?a=b", 200, "Content-Type: " + plain, `{"status":"ok"}`, nil},
		{"nothing that is described", "GET", "/metrics", 200, "", "x", nil},
		{"another method", "PUT", "/healthz", 200, "", "x", nil},
		{"a path that is not clean", "GET", "/docs/../healthz", 200, "", "x", nil},
		{"any media type", "GET", "/assets/optin.css", 200, "Content-Type: text/css; charset=utf-8", "x", nil},
		{"a status", "GET", "/healthz", 201, "Content-Type: " + plain, `{"status":"ok"}`, []string{"healthz answers 201 application/json, against openapi.yaml: which is not described"}},
		{"a body", "GET", "/healthz", 200, "Content-Type: " + plain, `{"status":"ill"}`, []string{"body.status is ill"}},
		{"no JSON", "GET", "/healthz", 200, "Content-Type: " + plain, `{`, []string{"is no JSON"}},
		{"a media type", "GET", "/healthz", 200, "Content-Type: text/html", `ok`, []string{"has a media type that is not described"}},
		{"a code", "POST", look, 422, "Content-Type: " + failed, other, []string{"has the code link_expired, which is not described there"}},
		{"a header of limits", "POST", look, 422, "RateLimit: x", "", []string{"has the header RateLimit, which is not described"}},
		{"a header", "POST", "/v1/sites/gazette/subscriptions", 429, "Retry-After: 1\nRateLimit: x", "", []string{"lacks the header RateLimit-Policy"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := http.Header{}
			for line := range strings.Lines(row.header) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				h.Set(name, value)
			}
			got := Answer(row.method, row.target, row.status, h, []byte(row.body))
			for i, want := range row.want {
				if i < len(got) && strings.Contains(got[i], want) {
					got[i] = want
				}
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func read(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
