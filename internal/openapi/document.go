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

	Paths      map[string]item
	Webhooks   map[string]item
	Components struct {
		Parameters map[string]parameter
		Responses  map[string]response
		Schemas    map[string]*schema
	}
}

type item struct {
	Parameters                 []parameter
	Get, Post, Delete, Options *operation
}

// methods are a path's, as they are read.
func (i item) methods() []named[*operation] {
	all := []named[*operation]{{"GET", i.Get}, {"POST", i.Post}, {"DELETE", i.Delete}, {"OPTIONS", i.Options}}
	return slices.DeleteFunc(all, func(n named[*operation]) bool { return n.Is == nil })
}

type named[T any] struct {
	Name string
	Is   T
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
	Value   json.RawMessage
	Status  int  `json:"x-status"`
	Key     bool `json:"x-key"`
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

// known follows the references of parameters and answers, which lead to components only.
func (d *document) known(all []parameter) []parameter {
	all = slices.Clone(all)
	for i, p := range all {
		if p.Ref != "" {
			all[i] = d.Components.Parameters[path.Base(p.Ref)]
		}
	}
	return all
}

func (d *document) answer(r response) response {
	if r.Ref != "" {
		return d.Components.Responses[path.Base(r.Ref)]
	}
	return r
}
