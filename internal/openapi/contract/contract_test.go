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
	check := func(name string, content node, request bool) {
		for media := range content.object() {
			for title, x := range content.at(media, "examples").object() {
				if request && At(x)["x-status"] == float64(http.StatusUnprocessableEntity) {
					continue
				}
				n++
				for _, wrong := range schemas().breaches(content.at(media, "schema"), At(x)["value"], "it") {
					t.Errorf("%s, example %s: %s", name, title, wrong)
				}
			}
		}
	}
	for name := range Operations() {
		method, pattern, _ := strings.Cut(name, " ")
		op := root().at("paths", pattern, strings.ToLower(method))
		check(name, op.at("requestBody", "content"), true)
		for status := range op.at("responses").object() {
			check(name+" "+status, op.at("responses", status, "content"), false)
		}
	}
	if n < 15 {
		t.Errorf("%d examples", n)
	}
}

func TestAValueThatBreaksASchemaOfTheDescriptionIsFound(t *testing.T) {
	for schema, rows := range map[string]map[string]bool{
		"Outcome": {`{"state":"confirmed"}`: true, `{"state":"x"}`: false, `{}`: false,
			`{"state":"confirmed","more":1}`: false, `[]`: false, `{"state":1}`: false},
		"Resent": {`{"status":"accepted","email":"enqueued"}`: true, `{"status":"refused","email":"enqueued"}`: false},
		"Purpose": {`{"id":"a","state":"pending","since":"2026-11-21T18:00:00Z","text":"","text_sha256":""}`: true,
			`{"id":"a","state":"pending","since":"today","text":"","text_sha256":""}`: false},
		"FailedEvents": {`{"failed":[],"next_cursor":null}`: true, `{"failed":null,"next_cursor":null}`: false,
			`{"failed":[{"id":1,"endpoint":""}],"next_cursor":null}`: false, `{"failed":[],"next_cursor":1}`: false},
		"Retried": {`{"retried":1,"unknown":[],"more":false}`: true,
			`{"retried":1.5,"unknown":[],"more":false}`: false},
		"Ids":  {`"a"`: true, `["a"]`: true, `[1]`: false, `1`: false},
		"Code": {`"unreadable"`: true, `"nothing"`: false},
	} {
		for value, want := range rows {
			got := schemas().breaches(root().at("components", "schemas", schema), read(t, value), "it")
			if (len(got) == 0) != want {
				t.Errorf("%s %s: %v", schema, value, got)
			}
		}
	}
}

func TestEveryRuleOfASchemaIsKept(t *testing.T) {
	for schema, rows := range map[string]map[string]bool{
		`{"minLength":2}`:   {`"é"`: false, `"éé"`: true, `[]`: true, `1`: true},
		`{"maxLength":1}`:   {`"é"`: true, `"ab"`: false, `[1,2]`: true},
		`{"maxItems":1}`:    {`[1]`: true, `[1,2]`: false, `"ab"`: true},
		`{"minimum":1}`:     {`1`: true, `0`: false, `""`: true},
		`{"maximum":1}`:     {`1`: true, `2`: false, `null`: true},
		`{"format":"date"}`: {`"2026-11-22"`: true, `"22 November"`: false, `"2026-02-30"`: false, `1`: true},
		`{"format":"date-time"}`: {`"2026-11-22T18:00:00Z"`: true, `"2026-11-22"`: false,
			`"2026-11-22 18:00:00"`: false},
		`{"format":"uri"}`:                              {`"https://x.test"`: true, `"x"`: false, `"//x.test/"`: false},
		`{"type":["null","boolean"]}`:                   {`null`: true, `true`: true, `"x"`: false},
		`{"type":"integer"}`:                            {`1`: true, `1.0`: true, `1.5`: false, `"1"`: false},
		`{"const":"a"}`:                                 {`"a"`: true, `"b"`: false, `["a"]`: false},
		`{"enum":["a",0]}`:                              {`"a"`: true, `0`: true, `1`: false, `"0"`: false},
		`{"oneOf":[{"type":"string"},{"maxLength":1}]}`: {`"ab"`: true, `1`: true, `"a"`: false},
		`{"items":{"items":{"type":"string"}}}`:         {`[["a"]]`: true, `[["a"],[1]]`: false, `"a"`: true},
		`{"properties":{"a":{"type":"null"}},"additionalProperties":false}`: {`{"a":null}`: true, `{}`: true,
			`{"a":1}`: false, `{"b":null}`: false},
		`{"required":["a"]}`:                 {`{"a":null}`: true, `{"b":1}`: false, `[]`: true},
		`{"$ref":"#/components/schemas/Id"}`: {`"a"`: true, `1`: false},
		`{"x-status":404,"default":1}`:       {`"a"`: true},
	} {
		doc := Object{"components": Object{"schemas": Object{"It": read(t, schema), "Id": Object{"type": "string"}}}}
		v, err := newValidator(doc)
		if err != nil {
			t.Errorf("%s: %v", schema, err)
			continue
		}
		for value, want := range rows {
			got := v.breaches(node{pointer: "/components/schemas/It", value: doc}, read(t, value), "it")
			if (len(got) == 0) != want {
				t.Errorf("%s %s: %v", schema, value, got)
			}
		}
	}
}

func TestARuleThatNobodyWouldKeepIsNoSchema(t *testing.T) {
	for _, schema := range []string{
		`{"unheard-of":true}`,
		`{"format":"nothing"}`,
		`{"format":"email"}`, // known, and asserted loosely
		`{"properties":{"a":{"items":{"unheard-of":true}}}}`,
		`{"oneOf":[{"format":"nothing"}]}`,
		`{"type":"text"}`,
		`{"required":"a"}`,
		`{"minLength":"2"}`,
		`{"nullable":true}`, // OpenAPI 3.0
		`{"x-status":"404"}`,
		`1`,
	} {
		for name, doc := range map[string]Object{
			"components": {"components": Object{"schemas": Object{"It": read(t, schema)}}},
			"a body": {"paths": Object{
				"/": Object{"get": Object{"content": Object{"a/b": Object{"schema": read(t, schema)}}}}}},
			"a list": {"parameters": []any{Object{"schema": read(t, schema)}}},
		} {
			if _, err := newValidator(doc); err == nil {
				t.Errorf("%s in %s is taken", schema, name)
			}
		}
	}
	if got := schemas().breaches(root().at("paths", "/docs", "get", "schema"), 1, "it"); len(got) != 1 {
		t.Errorf("a value without a schema: %v", got)
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
		{"a status", "GET", "/healthz", 201, "Content-Type: " + plain, `{"status":"ok"}`,
			[]string{"healthz answers 201 application/json, against openapi.yaml: the status is not described"}},
		{"a body", "GET", "/healthz", 200, "Content-Type: " + plain, `{"status":"ill"}`,
			[]string{"body.status is ill"}},
		{"no JSON", "GET", "/healthz", 200, "Content-Type: " + plain, `{`, []string{"the body is not JSON"}},
		{"a media type", "GET", "/healthz", 200, "Content-Type: text/html", `ok`,
			[]string{"its media type is not described"}},
		{"a code", "POST", look, 422, "Content-Type: " + failed, other,
			[]string{"the code link_expired is not described there"}},
		{"a header of limits", "POST", look, 422, "RateLimit: x", "",
			[]string{"it has the header RateLimit, which is not described"}},
		{"a header", "POST", "/v1/sites/gazette/subscriptions", 429, "Retry-After: 1\nRateLimit: x", "",
			[]string{"it lacks the header RateLimit-Policy"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := http.Header{}
			for line := range strings.Lines(row.header) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				h.Set(name, value)
			}
			got := CheckResponse(row.method, row.target, row.status, h, []byte(row.body))
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
