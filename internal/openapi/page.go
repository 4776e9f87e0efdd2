package openapi

import (
	"bytes"
	"context"
	_ "embed" // the style sheet
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

//go:embed page.css
var sheet []byte

// Sheet returns the style sheet of the page, which goes on top of the one of all pages. The caller must not change it.
func Sheet() []byte { return sheet }

// group holds the operations of one tag.
type group struct {
	Name, Description string
	Operations        []shownOperation
}

// shownOperation is an operation as the page shows it.
type shownOperation struct {
	*operation
	Method, Path string
	Event        bool // a webhook: optin makes the call
	Key          bool // every call needs an API key
	Parameters   []parameter
	Bodies       []named[content]
	Examples     []request
	Responses    []named[response]
}

// Site is the site of the examples of a page. The zero Site is the one of the document.
type Site struct {
	ID, URL string
	// Purpose is the one that the examples ask for, and Text its words. Several says that the site has others.
	Purpose, Text string
	Several       bool
}

// gazette is the site of the document's own examples.
var gazette = Site{
	ID: "gazette", URL: "https://gazette.example", Purpose: "letter", Text: "Receive the monthly letter of La Gazette",
}

// filler replaces in an example what is the document's site's by what is this site's.
func (s Site) filler() *strings.Replacer {
	inJSON := func(text string) string {
		b, err := json.Marshal(text)
		if err != nil {
			panic(err) // every string can be written
		}
		return string(b[1 : len(b)-1])
	}
	return strings.NewReplacer(
		"/sites/"+gazette.ID, "/sites/"+s.ID, "/s/"+gazette.ID, "/s/"+s.ID, gazette.URL, strings.TrimSuffix(s.URL, "/"),
		`"`+gazette.Purpose+`"`, `"`+s.Purpose+`"`, "purposes="+gazette.Purpose, "purposes="+s.Purpose,
		"purpose="+gazette.Purpose, "purpose="+s.Purpose,
		gazette.Text, strings.ReplaceAll(inJSON(s.Text), "'", `'\''`),
	)
}

// simplest is the simplest signup that there is at the site.
func (s Site) simplest(base string) string {
	body := `{"email": "ada@example.org", "consent": true}`
	if s.Several {
		body = `{"email": "ada@example.org", "consent": true, "purposes": ["` + s.Purpose + `"]}`
	}
	return "curl " + base + "/v1/sites/" + s.ID + "/subscriptions \\\n" +
		"  -H 'Content-Type: application/json' -d '" + body + "'"
}

// Look is the paths of what a page links to for its looks: its icon, and its style sheets in order.
type Look struct {
	Icon   string
	Sheets []string
}

// Page renders the document as an HTML page. Its examples are those of a site and call base, an address without a
// trailing slash.
func Page(base string, site Site, look Look) ([]byte, error) {
	if site.ID == "" {
		site = gazette
	}
	b, err := JSON()
	if err != nil {
		return nil, err
	}
	d := &document{}
	if err := json.Unmarshal(b, d); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = view{d, d.groups(base, site.filler()), look, base, site}.page().Render(context.Background(), &out)
	return out.Bytes(), err
}

// view is what the page shows.
type view struct {
	doc    *document
	groups []group
	look   Look
	base   string
	site   Site
}

// groups returns all operations, by tag and path.
func (d *document) groups(base string, fill *strings.Replacer) []group {
	var all []group
	for _, tag := range d.Tags {
		g := group{Name: tag.Name, Description: tag.Description}
		for _, item := range append(sorted(d.Paths), sorted(d.Webhooks)...) {
			for _, op := range item.Value.operations() {
				if slices.Contains(op.Value.Tags, tag.Name) {
					shown := d.show(base, item.Name, op.Name, item.Value, op.Value)
					for i := range shown.Examples {
						shown.Examples[i].Curl = fill.Replace(shown.Examples[i].Curl)
					}
					g.Operations = append(g.Operations, shown)
				}
			}
		}
		all = append(all, g)
	}
	return all
}

func (d *document) show(base, path, method string, item pathItem, op *operation) shownOperation {
	o := shownOperation{
		operation: op, Method: method, Path: path, Event: !strings.HasPrefix(path, "/"),
		Key:        len(op.Security) == 1,
		Parameters: append(d.parameters(item.Parameters), d.parameters(op.Parameters)...),
		Bodies:     sorted(op.RequestBody.Content),
	}
	for _, r := range sorted(op.Responses) {
		o.Responses = append(o.Responses, named[response]{r.Name, d.response(r.Value)})
	}
	if !o.Event {
		o.Examples = o.requests(base)
	}
	return o
}

// sorted returns the entries of a map, ordered by key.
func sorted[T any](m map[string]T) []named[T] {
	var all []named[T]
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, named[T]{k, m[k]})
	}
	return all
}

// paragraphs returns those of a text, which empty lines separate.
func paragraphs(text string) []string {
	all := strings.Split(strings.TrimSpace(text), "\n\n")
	return slices.DeleteFunc(all, func(p string) bool { return p == "" })
}

// called is where a call goes to.
func (o shownOperation) called() string {
	if o.Event {
		return "your endpoint"
	}
	return o.Path
}

// place is where a parameter stands, and whether it must be there.
func (p parameter) place() string {
	if p.Required {
		return p.In + ", required"
	}
	return p.In
}

// sample is a header field with its example.
func (p parameter) sample(name string) string {
	if p.Example == nil {
		return name
	}
	return fmt.Sprint(name, ": ", p.Example)
}

// link returns the name of the schema that a schema, or its items, refers to; empty if there is none.
func link(s *schema) string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return path.Base(s.Ref)
	}
	return link(s.Items)
}

// kind describes in words what a schema accepts.
func kind(s *schema) string {
	switch {
	case s == nil:
		return "anything"
	case s.Ref != "":
		return path.Base(s.Ref)
	case s.Const != nil:
		return fmt.Sprintf("%q", s.Const)
	case len(s.Enum) > 0:
		return strings.Join(each(s.Enum, func(x any) string { return fmt.Sprintf("%q", x) }), ", ")
	case len(s.OneOf) > 0:
		return strings.Join(each(s.OneOf, kind), " or ")
	case s.Items != nil:
		return "list of " + kind(s.Items)
	}
	if several, ok := s.Type.([]any); ok {
		return strings.Join(each(several, func(x any) string { return fmt.Sprint(x) }), " or ")
	}
	if s.Format != "" {
		return s.Format
	}
	return fmt.Sprint(s.Type)
}

func each[T any](all []T, word func(T) string) (words []string) {
	for _, x := range all {
		words = append(words, word(x))
	}
	return words
}

// indent formats a JSON value for reading.
func indent(raw json.RawMessage) (string, error) {
	var b bytes.Buffer
	err := json.Indent(&b, raw, "", "  ")
	return b.String(), err
}
