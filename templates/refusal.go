package templates

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/optin/optin/internal/problem"
)

// Codes lists the refusal codes that have words of their own. Any other code is told in general words.
func Codes() []string {
	var codes []string
	for _, p := range problem.All() {
		if p.OnForm {
			codes = append(codes, string(p.Code))
		}
	}
	return codes
}

// statuses lists the HTTP statuses that have words of their own.
func statuses() []int { return []int{400, 403, 404, 405, 413, 415, 422, 429, 500, 503} }

// states lists the states of a purpose that have words of their own.
func states() []string {
	return []string{"confirmed", "declined", "expired", "pending", "undeliverable", "withdrawn"}
}

// Anchor is the id of the part of the signup page that an error belongs to; empty: the form as a whole.
func (e FieldError) Anchor() string { return problem.Of(problem.Code(e.Code)).Anchor }

// ShownStatus is the status whose words are shown: its own, or the general one of its class.
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

// Reasons lists the errors of the page whose codes have words, the page's own code first, each once.
func (p Failure) Reasons() []FieldError {
	var told []FieldError
	for _, e := range append([]FieldError{{Code: p.Code}}, p.Errors...) {
		same := func(o FieldError) bool { return o.Code == e.Code }
		if slices.Contains(Codes(), e.Code) && !slices.ContainsFunc(told, same) {
			told = append(told, e)
		}
	}
	return told
}

// refusal says a code in words.
func (t *tongue) refusal(code string) (string, error) {
	if !slices.Contains(Codes(), code) {
		code = "other"
	}
	return t.say("error." + code)
}

// state says in which state a purpose is, and since when if that is known.
func (t *tongue) state(name string, since time.Time) (string, error) {
	if !slices.Contains(states(), name) {
		name = "pending"
	}
	label, err := t.say("state." + name)
	if err != nil || since.IsZero() {
		return label, err
	}
	when, err := t.when(since)
	if err != nil {
		return "", err
	}
	return t.say("state.since", "State", label, "When", when)
}

// reach turns a controller's contact into a link's target: an address, a web page, or else nothing.
func reach(contact string) string {
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

// number is the status in digits.
func (p Failure) number() string { return strconv.Itoa(p.Status) }
