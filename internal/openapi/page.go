package openapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"maps"
	"slices"
	"strings"
)

//go:embed page.html
var pageText string

//go:embed page.css
var sheet []byte

// Sheet is the page's own style sheet, which goes on top of that of all pages. It must not be changed.
func Sheet() []byte { return sheet }

// group are the operations of one tag.
type group struct {
	Name, Description string
	Operations        []shown
}

// shown is an operation as the page tells it.
type shown struct {
	*operation
	Method, Path string
	Event        bool // we call
	Key          bool // needs an API key, always
	Parameters   []parameter
	Bodies       []named[content]
	Examples     []request
	Answers      []named[response]
}

// Page renders the document as a page of HTML. Its examples call base, an address without a slash at its end; sheets are the style
// sheets that it links to, in their order.
func Page(base string, sheets ...string) ([]byte, error) {
	d := &document{}
	if err := json.Unmarshal(JSON(), d); err != nil {
		return nil, err
	}
	t, err := template.New("page").Funcs(template.FuncMap{
		"prose": prose, "kind": kind, "link": link, "sorted": sorted[*schema], "required": slices.Contains[[]string], "examples": sorted[example],
		"indent": indent, "content": sorted[content], "headers": sorted[parameter],
	}).Parse(pageText)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"Doc": d, "Groups": d.groups(base), "Sheets": sheets, "Base": base,
		"Codes": d.Components.Schemas["Code"].OneOf, "Schemas": sorted(d.Components.Schemas),
	})
	return b.Bytes(), err
}

// groups are all operations, by tag and path.
func (d *document) groups(base string) []group {
	var all []group
	for _, tag := range d.Tags {
		g := group{Name: tag.Name, Description: tag.Description}
		for _, at := range append(sorted(d.Paths), sorted(d.Webhooks)...) {
			for _, m := range at.Is.methods() {
				if slices.Contains(m.Is.Tags, tag.Name) {
					g.Operations = append(g.Operations, d.show(base, at.Name, m.Name, at.Is, m.Is))
				}
			}
		}
		all = append(all, g)
	}
	return all
}

func (d *document) show(base, path, method string, at item, op *operation) shown {
	s := shown{
		operation: op, Method: method, Path: path, Event: !strings.HasPrefix(path, "/"),
		Key:        len(op.Security) == 1,
		Parameters: append(d.known(at.Parameters), d.known(op.Parameters)...),
		Bodies:     sorted(op.RequestBody.Content),
	}
	for _, r := range sorted(op.Responses) {
		s.Answers = append(s.Answers, named[response]{r.Name, d.answer(r.Is)})
	}
	if !s.Event {
		s.Examples = s.requests(base)
	}
	return s
}

// sorted is a map in the order of its keys.
func sorted[T any](m map[string]T) []named[T] {
	var all []named[T]
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, named[T]{k, m[k]})
	}
	return all
}
