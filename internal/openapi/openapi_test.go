package openapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"go.yaml.in/yaml/v4"
)

// write is for go generate.
var write = flag.Bool("write", false, "write openapi.json instead of checking it")

func TestTheJSONIsMadeFromTheYAML(t *testing.T) {
	var doc any
	if err := yaml.Unmarshal(YAML(), &doc); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(doc); err != nil {
		t.Fatal(err)
	}
	if *write {
		if err := os.WriteFile("openapi.json", b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(b.Bytes(), JSON()) {
		t.Error("openapi.json is not made from openapi.yaml: run go generate ./openapi")
	}
}
