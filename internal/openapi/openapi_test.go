package openapi

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestEveryValueOfTheDocumentIsAsWritten guards against what YAML makes of unquoted text: a date, a number as a key.
// JSON has neither, so a tool that reads the served YAML would see another document than our page and our tests do.
func TestEveryValueOfTheDocumentIsAsWritten(t *testing.T) {
	var doc any
	if err := yaml.Unmarshal(YAML(), &doc); err != nil {
		t.Fatal(err)
	}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, x := range v {
				if x == nil && strings.Contains(name, " ") { // the rest of a text after a comma, in {…}
					t.Errorf("%s has the key %q: quote the text before it", at, name)
				}
				walk(at+"/"+name, x)
			}
		case []any:
			for _, x := range v {
				walk(at+"/-", x)
			}
		case nil, string, bool, int, float64:
		default:
			t.Errorf("%s is a %T: quote it", at, v)
		}
	}
	walk("", doc)
}

func TestTheDocumentAsJSONHasTheSameParts(t *testing.T) {
	b, err := JSON()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]json.RawMessage
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || len(doc.Paths) < 20 {
		t.Errorf("OpenAPI %q with %d paths", doc.OpenAPI, len(doc.Paths))
	}
	for path := range doc.Paths {
		if !bytes.Contains(YAML(), []byte("\n  "+path+":\n")) {
			t.Errorf("the path %s is not in openapi.yaml", path)
		}
	}
}

func TestThePageNamesEveryOperation(t *testing.T) {
	page, err := Page("https://confirm.example", Site{}, Look{Icon: "/assets/a.svg", Sheets: []string{"/assets/a.css"}})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(YAML())) {
		id, found := strings.CutPrefix(strings.TrimSpace(line), "operationId: ")
		if found && !bytes.Contains(page, []byte(`<article id="`+id+`">`)) {
			t.Errorf("the page does not show the operation %s", id)
		}
	}
	if !bytes.Contains(page, []byte(`href="/assets/a.css"`)) {
		t.Error("the page does not link to its style sheet")
	}
}
