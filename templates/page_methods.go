package templates

import "strings"

// pageNames lists the files of pages/ that are pages.
func pageNames() []string {
	return []string{"agreements", "confirm", "confirmed", "decline", "declined", "expired", "failure", "lifted", "renewed",
		"sent", "signup", "takenback", "unknownlink", "withdrawn"}
}

func (Unsubscribe) name() string   { return "agreements" }
func (Confirm) name() string       { return "confirm" }
func (Confirmed) name() string     { return "confirmed" }
func (Decline) name() string       { return "decline" }
func (Declined) name() string      { return "declined" }
func (Expired) name() string       { return "expired" }
func (Failure) name() string       { return "failure" }
func (Unblocked) name() string     { return "lifted" }
func (Renewed) name() string       { return "renewed" }
func (Sent) name() string          { return "sent" }
func (Signup) name() string        { return "signup" }
func (WithdrawnLink) name() string { return "takenback" }
func (UnknownLink) name() string   { return "unknownlink" }
func (Withdrawn) name() string     { return "withdrawn" }

func (p Unsubscribe) site() Site   { return p.Site }
func (p Confirm) site() Site       { return p.Site }
func (p Confirmed) site() Site     { return p.Site }
func (p Decline) site() Site       { return p.Site }
func (p Declined) site() Site      { return p.Site }
func (p Expired) site() Site       { return p.Site }
func (p Failure) site() Site       { return p.Site }
func (p Unblocked) site() Site     { return p.Site }
func (p Renewed) site() Site       { return p.Site }
func (p Sent) site() Site          { return p.Site }
func (p Signup) site() Site        { return p.Site }
func (p WithdrawnLink) site() Site { return p.Site }
func (UnknownLink) site() Site     { return Site{} }
func (p Withdrawn) site() Site     { return p.Site }

func (p Unsubscribe) actions() []string { return []string{p.Action} }
func (p Confirm) actions() []string     { return []string{p.ConfirmAction, p.DeclineAction} }
func (Confirmed) actions() []string     { return nil }
func (p Decline) actions() []string     { return []string{p.DeclineAction} }
func (p Declined) actions() []string    { return given(p.UnblockAction) }
func (p Expired) actions() []string     { return given(p.RenewAction, p.DeclineAction) }
func (Failure) actions() []string       { return nil }
func (Unblocked) actions() []string     { return nil }
func (Renewed) actions() []string       { return nil }
func (Sent) actions() []string          { return nil }
func (p Signup) actions() []string      { return []string{p.Action} }
func (WithdrawnLink) actions() []string { return nil }
func (UnknownLink) actions() []string   { return nil }
func (Withdrawn) actions() []string     { return nil }

// given leaves out the actions that a page may do without.
func given(actions ...string) []string {
	var kept []string
	for _, a := range actions {
		if a != "" {
			kept = append(kept, a)
		}
	}
	return kept
}

// isPath tells whether a browser takes it for a path of the same origin: one slash, no second, no backslash (which browsers
// read as a slash), nothing that they skip.
func isPath(action string) bool {
	return strings.HasPrefix(action, "/") && !strings.HasPrefix(action, "//") &&
		!strings.ContainsFunc(action, func(r rune) bool { return r <= ' ' || r == '\\' || r > '~' })
}

// Confirmed lists what is confirmed: only that can be taken back.
func (p Unsubscribe) Confirmed() []Purpose {
	var standing []Purpose
	for _, q := range p.Purposes {
		if q.State == "confirmed" {
			standing = append(standing, q)
		}
	}
	return standing
}

// EmailError, PurposesError and CaptchaError are the first error of each field, or nothing; the page shows it beside the field.
func (p Signup) EmailError() string { return firstOf(p.Errors, "email") }

// PurposesError is the first error of the boxes.
func (p Signup) PurposesError() string { return firstOf(p.Errors, "purposes") }

// CaptchaError is the first error of the captcha.
func (p Signup) CaptchaError() string { return firstOf(p.Errors, "captcha") }

func firstOf(errors []FieldError, anchor string) string {
	for _, e := range errors {
		if e.Anchor() == anchor {
			return e.Code
		}
	}
	return ""
}
