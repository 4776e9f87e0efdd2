package request

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/problem"
)

// addWords adds the text of an id. It may have several lines.
func (f *Fields) addWords(field, id, text string) {
	sent := f.of(field)
	if _, again := sent.words[id]; again {
		sent.wrong = problem.FieldRepeated
		return
	}
	if strings.ContainsFunc(text, func(r rune) bool { return isOdd(r) && !strings.ContainsRune("\t\r\n", r) }) {
		f.invalid(field)
	}
	if sent.words == nil {
		sent.words = map[string]string{}
	}
	sent.words[id] = strings.TrimSpace(text)
}

// wordsName returns the field and the id of a name like shown[letter], or of a field of Words alone.
func (s Schema) wordsName(name string) (field, id string, ok bool) {
	field, id, _ = strings.Cut(strings.TrimSuffix(name, "]"), "[")
	kind, known := s[field]
	return field, id, known && kind == Words && (name == field || name == field+"["+id+"]")
}

// Fields is a body as it was read: the values of each known field, and what is wrong with how they were sent.
type Fields struct {
	schema  Schema
	sent    []sentField // the known fields that came
	unknown []string    // the names of other fields
}

// sentField is one known field as it came.
type sentField struct {
	name     string
	values   []string
	words    map[string]string // of Words, by id
	wrong    problem.Code
	times    int  // how often it came, in any spelling
	misspelt bool // it came in another spelling than its own
}

func (s Schema) fields() *Fields {
	return &Fields{schema: s, sent: make([]sentField, 0, min(len(s), maxSent))}
}

// maxSent is for how many fields there is room at first.
const maxSent = 8

// of returns a known field to be added to, until the next one comes.
func (f *Fields) of(field string) *sentField {
	for i := range f.sent {
		if f.sent[i].name == field {
			return &f.sent[i]
		}
	}
	f.sent = append(f.sent, sentField{name: field})
	return &f.sent[len(f.sent)-1]
}

// get returns a field as it came; the zero sentField if it did not.
func (f *Fields) get(field string) sentField {
	for _, sent := range f.sent {
		if sent.name == field {
			return sent
		}
	}
	return sentField{}
}

// known finds the known field that a name is or resembles: in another case, or with something in brackets behind it.
func (f *Fields) known(name string) (field string, exact bool) {
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

// count notes that a field came, and returns its known name and whether its value is to be used. In a form a List may
// come in several fields of the same name; every other field comes once.
func (f *Fields) count(name string, severally bool) (field string, use bool) {
	field, exact := f.known(name)
	if field == "" {
		f.unknown = append(f.unknown, name)
		return "", false
	}
	sent := f.of(field)
	sent.times++
	sent.misspelt = sent.misspelt || !exact
	if severally && exact && f.schema[field] == List && sent.times == len(sent.values)+1 {
		return field, true
	}
	if sent.times > 1 {
		sent.wrong = problem.FieldRepeated
	}
	return field, exact
}

// add adds a value. A control character, or the replacement of broken UTF-16, makes the field wrong.
func (f *Fields) add(field, value string) {
	if kind := f.schema[field]; kind == Text || kind == Bool {
		value = address.TrimUnseen(value)
	}
	if strings.ContainsFunc(value, isOdd) {
		f.invalid(field)
	}
	sent := f.of(field)
	sent.values = append(sent.values, value)
}

// isOdd reports whether a character is a control character, or the replacement of broken UTF-16.
func isOdd(r rune) bool {
	return r == utf8.RuneError || unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp)
}

// invalid says that a field's value is of the wrong kind.
func (f *Fields) invalid(field string) {
	if sent := f.of(field); sent.wrong == "" {
		sent.wrong = problem.FieldInvalid
	}
}

// One returns the value of a field that comes once; empty if it did not come or is wrong.
func (f *Fields) One(field string) string {
	sent := f.get(field)
	if len(sent.values) != 1 || sent.wrong != "" {
		return ""
	}
	return sent.values[0]
}

// All returns the values of a field.
func (f *Fields) All(field string) []string { return f.get(field).values }

// Words returns the texts of a field of that kind by their ids.
func (f *Fields) Words(field string) map[string]string { return f.get(field).words }

// Unknown returns a problem for every field that the schema does not have. A name that is not one like ours is not
// repeated.
func (f *Fields) Unknown() (all []problem.Field) {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	for _, name := range f.unknown {
		if len(name) > 32 || strings.Trim(name, plain) != "" {
			name = "(another)"
		}
		all = append(all, problem.Field{Name: name, Code: problem.FieldUnknown})
	}
	return all
}

// Yes reports whether a field says yes, in one of the contract's words, in any case.
func (f *Fields) Yes(field string) bool { return f.says(field, "true", "on", "yes", "1") }

// No reports whether a field says no, in one of the words that are the opposite of those, or did not come.
func (f *Fields) No(field string) bool { return f.says(field, "", "false", "off", "no", "0") }

func (f *Fields) says(field string, words ...string) bool {
	said := f.One(field)
	return slices.ContainsFunc(words, func(word string) bool { return strings.EqualFold(said, word) })
}

// Wrong returns what is wrong with how a field was sent; empty: nothing.
func (f *Fields) Wrong(field string) problem.Code { return f.get(field).wrong }

// AnyWrong reports whether anything is wrong with how any field was sent.
func (f *Fields) AnyWrong() bool {
	return slices.ContainsFunc(f.sent, func(sent sentField) bool { return sent.wrong != "" })
}

// Times returns how often a field came, in any spelling.
func (f *Fields) Times(field string) int { return f.get(field).times }

// Misspelt reports whether a field came in another spelling than its own.
func (f *Fields) Misspelt(field string) bool { return f.get(field).misspelt }

// Filled reports whether anything at all came in a field.
func (f *Fields) Filled(field string) bool {
	sent := f.get(field)
	return sent.wrong != "" || slices.ContainsFunc(sent.values, func(v string) bool { return v != "" })
}

// Email reads the one address in the field email, or returns what is wrong with it.
func (f *Fields) Email() (address.Address, problem.Code) {
	switch f.get("email").wrong {
	case problem.FieldRepeated:
		return address.Address{}, problem.FieldRepeated
	case problem.FieldInvalid:
		return address.Address{}, problem.EmailInvalid
	}
	text := f.One("email")
	if text == "" {
		return address.Address{}, problem.EmailRequired
	}
	a, err := address.ParseTyped(text)
	if err != nil {
		return address.Address{}, problem.EmailInvalid
	}
	return a, ""
}

// ArePurposes reports whether each id is a purpose of the site, or a former one that the person agreed to.
func ArePurposes(site confirm.Site, agreed []consent.PurposeStatus, ids []string) bool {
	return !slices.ContainsFunc(ids, func(id string) bool {
		_, ofSite := site.Purpose(id)
		return !ofSite && !slices.ContainsFunc(agreed, func(p consent.PurposeStatus) bool { return p.ID == id })
	})
}
