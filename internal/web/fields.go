package web

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is what a field of a body may hold.
type kind int

const (
	text  kind = iota // one line
	truth             // yes or no
	list              // ids
)

// schema is the fields that a call knows. Any other is passed over, unless it is a known one in another spelling: parsers
// disagree about those ("EMAIL", "email[]"), and so one could be checked here and another used elsewhere.
type schema map[string]kind

// fields is a body as it was read: the values of each known field, and what is wrong with how they were sent.
type fields struct {
	values map[string][]string
	wrong  map[string]code
	spelt  map[string]int  // how often each known field came, in any spelling
	nearly map[string]bool // those that came in another spelling than their own
	schema schema
}

func (sc schema) fields() *fields {
	return &fields{values: map[string][]string{}, wrong: map[string]code{}, spelt: map[string]int{}, nearly: map[string]bool{}, schema: sc}
}

// known finds the known field that a name is or resembles: in another case, or with something in brackets behind it.
func (f *fields) known(name string) (field string, exact bool) {
	if _, ok := f.schema[name]; ok {
		return name, true
	}
	base, _, _ := strings.Cut(name, "[")
	base = strings.TrimFunc(base, unicode.IsSpace)
	for field := range f.schema {
		if strings.EqualFold(base, field) {
			return field, false
		}
	}
	return "", false
}

// count notes that a field came, and tells whether its value is to be kept under which name. In a form an id list may come in
// several fields of the same name; all else comes once.
func (f *fields) count(name string, severally bool) (field string, keep bool) {
	field, exact := f.known(name)
	if field == "" {
		return "", false
	}
	f.spelt[field]++
	f.nearly[field] = f.nearly[field] || !exact
	if severally && exact && f.schema[field] == list && f.spelt[field] == len(f.values[field])+1 {
		return field, true
	}
	if f.spelt[field] > 1 {
		f.wrong[field] = codeRepeated
	}
	return field, exact
}

// add keeps a value. A control character, or what is left of broken UTF-16, makes the field wrong.
func (f *fields) add(field, value string) {
	odd := func(r rune) bool {
		return r == utf8.RuneError || unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp)
	}
	if f.schema[field] == text {
		value = strings.Trim(value, " \t\r\n")
	}
	if strings.IndexFunc(value, odd) >= 0 {
		f.spoil(field)
	}
	f.values[field] = append(f.values[field], value)
}

// spoil says that a field's value is of the wrong kind.
func (f *fields) spoil(field string) {
	if f.wrong[field] == "" {
		f.wrong[field] = codeInvalid
	}
}

// one is the value of a field that comes once; empty if it did not come or is wrong.
func (f *fields) one(field string) string {
	if len(f.values[field]) != 1 || f.wrong[field] != "" {
		return ""
	}
	return f.values[field][0]
}

// yes tells whether a field says yes, in one of the contract's spellings; any other is none.
func (f *fields) yes(field string) bool {
	return slices.Contains([]string{"true", "on", "yes", "1"}, f.one(field))
}
