// Package openapi is the description of all that optin answers, in OpenAPI 3.1, and that description as a page.
//
// openapi.yaml is the one place where it is written, and stands in this folder and not at the root, because Go embeds only what
// is beside or below a file of its own. openapi.json is made from it by "go generate", since the program itself reads no YAML here; a test
// holds the two together.
//
// web serves the first at /openapi.yaml and the page at /docs. Its tests hold both against the running server: every route, every
// code, every example, and every answer to every other test.
package openapi

import _ "embed"

//go:generate go test -run TestTheJSONIsMadeFromTheYAML -count 1 . -write

//go:embed openapi.yaml
var written []byte

//go:embed openapi.json
var made []byte

// MediaType is that of YAML (RFC 9512).
const MediaType = "application/yaml"

// YAML is the document as it was written. It must not be changed.
func YAML() []byte { return written }

// JSON is the same document for programs. It must not be changed.
func JSON() []byte { return made }
