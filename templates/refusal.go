package templates

import (
	"slices"
	"strconv"
	"strings"

	"github.com/optin/optin/internal/problem"
)

// Codes lists the refusal codes that have a text of their own. Any other code is shown with a general text.
func Codes() []string {
	var codes []string
	for _, p := range problem.All() {
		if p.OnForm {
			codes = append(codes, string(p.Code))
		}
	}
	return codes
}

// statuses lists the HTTP statuses that have a text of their own.
func statuses() []int { return []int{400, 403, 404, 405, 413, 415, 422, 429, 500, 503} }

// states lists the states of a purpose that have a text of their own.
func states() []string {
	return []string{"confirmed", "declined", "ended", "expired", "pending", "undeliverable", "withdrawn"}
}

// Anchor is the id of the part of the signup page that an error belongs to. It is empty for the form as a whole.
func (e FieldError) Anchor() string { return problem.Of(problem.Code(e.Code)).Anchor }

// ShownStatus is the status whose text is shown: the page's own, or the general one of its class.
func (p Failure) ShownStatus() int {
	switch {
	case slices.Contains(statuses(), p.Status):
		return p.Status
	case p.Status >= 400 && p.Status < 500:
		return 400
	default:
		return 500
	}
}

// Reasons lists the errors of the page whose codes have a text, the page's own code first, each code once.
func (p Failure) Reasons() []FieldError {
	var reasons []FieldError
	for _, e := range append([]FieldError{{Code: p.Code}}, p.Errors...) {
		same := func(o FieldError) bool { return o.Code == e.Code }
		if slices.Contains(Codes(), e.Code) && !slices.ContainsFunc(reasons, same) {
			reasons = append(reasons, e)
		}
	}
	return reasons
}

// reason returns the text of a refusal code.
func (t *translation) reason(code string) string {
	if !slices.Contains(Codes(), code) {
		code = "other"
	}
	return t.text("error." + code)
}

// state writes the state of a purpose.
func (t *translation) state(name string) string {
	if !slices.Contains(states(), name) {
		name = "pending"
	}
	return t.text("state." + name)
}

// contactLink returns the target of a link to a controller's contact: an address, a web page, or else nothing.
func contactLink(contact string) string {
	switch {
	case strings.ContainsAny(contact, " \t\r\n<>\"'?&"):
		return ""
	case strings.HasPrefix(contact, "https://"), strings.HasPrefix(contact, "http://"):
		return contact
	case strings.Count(contact, "@") == 1 && !strings.Contains(contact, ":"):
		return "mailto:" + contact
	default:
		return ""
	}
}

// number returns the status in digits.
func (p Failure) number() string { return strconv.Itoa(p.Status) }

// key returns the key of a text about the status: its heading, or its text.
func (p Failure) key(part string) string {
	return "failure." + strconv.Itoa(p.ShownStatus()) + "." + part
}
