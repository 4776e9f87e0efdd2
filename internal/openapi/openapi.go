// Package openapi holds the description of the HTTP API in OpenAPI 3.1, and renders it as a page.
//
// The description is written in openapi.yaml and nowhere else. The file stands in this directory, not at the root of
// the repository, because Go only embeds files beside or below the file that embeds them.
//
// Package web serves the document at /openapi.yaml and the page at /docs. Its tests hold the document against the
// running server, both ways: every route, status, error code and example, and every response to every other test
// (package contract).
package openapi

import (
	"bytes"
	_ "embed" // the document
	"encoding/json"
	"fmt"
	"sync"

	"go.yaml.in/yaml/v4"
)

// MediaType is the media type of YAML (RFC 9512).
const MediaType = "application/yaml"

//go:embed openapi.yaml
var source []byte

// YAML returns the document as it was written. The caller must not change it.
func YAML() []byte { return source }

// JSON returns the same document as JSON, with aliases resolved. The caller must not change it. It returns an error
// only if the embedded document is not YAML of string keys, which a test rules out.
func JSON() ([]byte, error) { return converted() }

var converted = sync.OnceValues(func() ([]byte, error) {
	var doc any
	if err := yaml.Unmarshal(source, &doc); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // people read it
	if err := e.Encode(doc); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	return b.Bytes(), nil
})
