package contract

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	documentURL = "https://optin.invalid/openapi"
	dialectURL  = "https://optin.invalid/dialect"
)

// dialect is the schema of our schemas: JSON Schema 2020-12, the extension x-status, no other keyword, and only the
// formats that the validator asserts. JSON Schema itself passes unknown keywords and formats over.
func dialect() Object {
	return Object{
		"$schema":        "https://json-schema.org/draft/2020-12/schema",
		"$id":            dialectURL,
		"$dynamicAnchor": "meta", // so that it holds for the schemas inside a schema too
		"allOf":          []any{Object{"$ref": "https://json-schema.org/draft/2020-12/schema"}},
		"properties": Object{
			"x-status": Object{"type": "integer"},
			"format":   Object{"enum": []any{"date", "date-time", "uri"}},
		},
		"unevaluatedProperties": false,
	}
}

// validator holds values against the schemas of one document.
type validator struct {
	mu       sync.Mutex // of both: a compiler is for one goroutine, the schemas it returns are for many
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

// newValidator returns an error if a schema of the document is none, or not in our dialect.
func newValidator(doc Object) (*validator, error) {
	v := &validator{compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	v.compiler.AssertFormat()
	err := errors.Join(v.compiler.AddResource(dialectURL, dialect()), v.compiler.AddResource(documentURL, any(doc)))
	if err != nil {
		return nil, err
	}
	meta, err := v.compiler.Compile(dialectURL)
	if err != nil {
		return nil, err
	}
	var wrong []error
	for pointer, schema := range schemasOf(doc) {
		for _, b := range breachesOf(meta.Validate(schema), schema, "the schema at "+pointer) {
			wrong = append(wrong, errors.New(b))
		}
	}
	return v, errors.Join(wrong...)
}

// schemasOf returns the outermost schemas of a document, by their JSON Pointers.
func schemasOf(doc Object) map[string]any {
	all := map[string]any{}
	var walk func(n node)
	walk = func(n node) {
		switch v := n.value.(type) {
		case Object:
			for name, x := range v {
				child := node{n.pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name), x}
				switch {
				case name == "schema" || n.pointer == "/components/schemas":
					all[child.pointer] = x
				case name != "example" && name != "examples":
					walk(child)
				}
			}
		case []any:
			for i, x := range v {
				walk(node{n.pointer + "/" + strconv.Itoa(i), x})
			}
		}
	}
	walk(node{value: doc})
	return all
}

// breaches says how a value breaks a schema of the document. The value is called name.
func (v *validator) breaches(schema node, value any, name string) []string {
	if schema.value == nil {
		return []string{name + " has no schema"}
	}
	compiled, err := v.compile(schema.pointer)
	if err != nil {
		return []string{fmt.Sprintf("the schema of %s: %v", name, err)}
	}
	return breachesOf(compiled.Validate(value), value, name)
}

func (v *validator) compile(pointer string) (*jsonschema.Schema, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := v.compiled[pointer]; s != nil {
		return s, nil
	}
	s, err := v.compiler.Compile(documentURL + "#" + pointer)
	if err == nil {
		v.compiled[pointer] = s
	}
	return s, err
}

// breachesOf turns what Validate returned into lines, one for each rule that was broken, such as
// "body.status is ill: value must be one of 'ok', 'ready'".
func breachesOf(err error, value any, name string) (lines []string) {
	var invalid *jsonschema.ValidationError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &invalid):
		return []string{fmt.Sprintf("%s: %v", name, err)}
	}
	for _, unit := range leaves(*invalid.DetailedOutput()) {
		at, found := name, value
		for token := range strings.SplitSeq(strings.TrimPrefix(unit.InstanceLocation, "/"), "/") {
			if token != "" {
				at, found = at+"."+token, child(found, token)
			}
		}
		lines = append(lines, fmt.Sprintf("%s is %.80v: %v", at, found, unit.Error))
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// leaves returns the innermost units of a validator's output, which name the rules that were broken.
func leaves(unit jsonschema.OutputUnit) (all []jsonschema.OutputUnit) {
	if len(unit.Errors) == 0 {
		return []jsonschema.OutputUnit{unit}
	}
	for _, inner := range unit.Errors {
		all = append(all, leaves(inner)...)
	}
	return all
}

// child returns the member of an object or of a list that a token of a JSON Pointer names.
func child(value any, token string) any {
	switch v := value.(type) {
	case Object:
		return v[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
	case []any:
		if i, err := strconv.Atoi(token); err == nil && i < len(v) {
			return v[i]
		}
	}
	return nil
}
