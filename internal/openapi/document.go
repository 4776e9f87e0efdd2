package openapi

import (
	"encoding/json"
	"path"
	"slices"
)

// document is as much of OpenAPI 3.1 as openapi.yaml uses.
type document struct {
	Info struct{ Title, Summary, Description string }
	Tags []struct{ Name, Description string }

	Paths      map[string]pathItem
	Webhooks   map[string]pathItem
	Components struct {
		Parameters map[string]parameter
		Responses  map[string]response
		Schemas    map[string]*schema
	}
}

type pathItem struct {
	Parameters                 []parameter
	Get, Post, Delete, Options *operation
}

// operations returns the operations of a path, named by their methods, in the order in which the page shows them.
func (p pathItem) operations() []named[*operation] {
	all := []named[*operation]{{"GET", p.Get}, {"POST", p.Post}, {"DELETE", p.Delete}, {"OPTIONS", p.Options}}
	return slices.DeleteFunc(all, func(n named[*operation]) bool { return n.Value == nil })
}

// named is one entry of a map.
type named[T any] struct {
	Name  string
	Value T
}

type operation struct {
	OperationID, Summary, Description string
	Tags                              []string
	Security                          []map[string][]string
	Parameters                        []parameter
	RequestBody                       struct{ Content map[string]content }
	Responses                         map[string]response
}

type parameter struct {
	Ref                   string `json:"$ref"`
	Name, In, Description string
	Required              bool
	Example               any
	Schema                *schema
}

type response struct {
	Ref         string `json:"$ref"`
	Description string
	Codes       []string `json:"x-codes"`
	Headers     map[string]parameter
	Content     map[string]content
}

type content struct {
	Schema   *schema
	Examples map[string]example
}

type example struct {
	Summary string
	Value   json.RawMessage // compact, as JSON returns the whole document
	Status  int             `json:"x-status"`
	Key     bool            `json:"x-key"`
}

type schema struct {
	Ref                 string `json:"$ref"`
	Type, Const         any
	Format, Description string
	Enum                []any
	Required            []string
	Properties          map[string]*schema
	Items               *schema
	OneOf               []*schema
	Status              int `json:"x-status"`
}

// parameters returns the parameters with their references followed, which lead to components only.
func (d *document) parameters(all []parameter) []parameter {
	all = slices.Clone(all)
	for i, p := range all {
		if p.Ref != "" {
			all[i] = d.Components.Parameters[path.Base(p.Ref)]
		}
	}
	return all
}

// response follows the reference of a response, if it is one.
func (d *document) response(r response) response {
	if r.Ref != "" {
		return d.Components.Responses[path.Base(r.Ref)]
	}
	return r
}
