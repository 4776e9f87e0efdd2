// Package statement is what is put to a person before they agree: not the sentence beside the box alone, but all that
// the law has them told with it (GDPR articles 13 and 7(3), EDPB guidelines 05/2020 paragraph 108).
//
// A Document is written as canonical JSON (RFC 8785) and known by the SHA-256 of that. A consent names the hash, and
// the document is kept under it for ever, so what was put to a person can be shown again word for word, whatever the
// configuration says by then.
//
// This package is the only one that knows the canonical form.
package statement

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gowebpki/jcs"
)

// Version is the version of Document's form.
const Version = 1

// ErrNone means that a text is no statement.
var ErrNone = errors.New("statement: not a statement")

// Document is one statement: one purpose in one language. A field that is left out says nothing; Recipients without an
// entry says that only the controller gets the data.
type Document struct {
	Version    int        `json:"version"`
	Site       string     `json:"site"` // its id
	SiteName   string     `json:"site_name,omitempty"`
	Purpose    Purpose    `json:"purpose"`
	Language   string     `json:"language"` // BCP 47
	Text       string     `json:"text"`     // the words beside the box
	TextChild  string     `json:"text_child,omitempty"`
	Controller Controller `json:"controller"`
	Recipients []string   `json:"recipients"`
	Retention  string     `json:"retention,omitempty"`
	Rights     []Right    `json:"rights"`
	Authority  *Authority `json:"authority,omitempty"` // to complain to
	Notice     *Notice    `json:"notice,omitempty"`
}

// Purpose is what is agreed to.
type Purpose struct {
	ID        string `json:"id"`
	Revision  int    `json:"revision"`
	Objective string `json:"objective,omitempty"`
	Audience  string `json:"audience,omitempty"`
	Frequency string `json:"frequency,omitempty"`
}

// Controller is who decides about the data (GDPR article 4(7)).
type Controller struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address,omitempty"`
	Contact string `json:"contact,omitempty"`
	Country string `json:"country,omitempty"` // ISO 3166-1 alpha-2
	DPO     string `json:"dpo,omitempty"`     // how the data protection officer is reached
}

// Notice is the privacy notice. It is never fetched: the operator may give the file, and then its hash is here.
type Notice struct {
	URL    string `json:"url"`
	SHA256 string `json:"sha256,omitempty"` // lower-case hex
}

// Authority is where a person may complain (GDPR article 77).
type Authority struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Right is one of a person's rights.
type Right string

// The rights of somebody who agreed.
const (
	RightWithdraw      Right = "withdraw" // at any time, as easily as it was given (GDPR article 7(3))
	RightAccess        Right = "access"
	RightRectification Right = "rectification"
	RightErasure       Right = "erasure"
	RightRestriction   Right = "restriction"
	RightPortability   Right = "portability"
	RightComplaint     Right = "complaint"
)

// Rights returns the rights that every statement names.
func Rights() []Right {
	return []Right{
		RightWithdraw, RightAccess, RightRectification, RightErasure, RightRestriction, RightPortability,
		RightComplaint,
	}
}

// Canonical returns the document as canonical JSON (RFC 8785), and its SHA-256 in lower-case hex.
func (d Document) Canonical() (text []byte, sum string, err error) {
	d.Version = Version
	if d.Recipients == nil {
		d.Recipients = []string{}
	}
	if d.Rights == nil {
		d.Rights = Rights()
	}
	if text, err = CanonicalJSON(d); err != nil {
		return nil, "", err
	}
	is := sha256.Sum256(text)
	return text, hex.EncodeToString(is[:]), nil
}

// CanonicalJSON returns a value as canonical JSON (RFC 8785).
func CanonicalJSON(v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return canonical(plain)
}

// SortedJSON is CanonicalJSON for a value that encoding/json writes in canonical order already, for a fraction of the
// time: its structs have their fields in the order of their names in JSON, its maps have keys in ASCII, and its numbers
// are whole and below 2^53. Who calls it compares it with CanonicalJSON in a test.
func SortedJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	text := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	// encoding/json escapes line separators (U+2028, U+2029), and writes so what is not UTF-8. RFC 8785 has them as
	// they are.
	if bytes.Contains(text, []byte(`\u202`)) || bytes.Contains(text, []byte(`\ufffd`)) {
		return canonical(text)
	}
	return text, nil
}

// canonical returns JSON in the canonical form.
func canonical(plain []byte) ([]byte, error) {
	text, err := jcs.Transform(plain)
	if err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	return text, nil
}

// Parse reads what Canonical wrote; ErrNone for anything else.
func Parse(text []byte) (d Document, err error) {
	if json.Unmarshal(text, &d) != nil || d.Version != Version || d.Purpose.ID == "" {
		return Document{}, ErrNone
	}
	return d, nil
}
