package templates

import (
	"html/template"
	"strings"

	"github.com/optin/optin/internal/theme"
)

// funcs is all that templates may call, besides what text/template has itself: an allowlist, with no access to anything
// outside.
func (t *translation) funcs(endonym func(locale string) (string, error)) template.FuncMap {
	return template.FuncMap{
		"t":               t.text,
		"lang":            t.name,
		"duration":        t.duration,
		"reason":          t.reason,
		"stateSince":      t.stateSince,
		"endonym":         endonym,
		"quote":           t.quote,
		"asset":           AssetPath,
		"contactLink":     contactLink,
		"button":          newButton,
		"canonicalTag":    canonicalTag,
		"unbrokenAddress": unbrokenAddress,
		"action":          t.action,
		"method":          t.method,
		"dossierStyle":    dossierStyle,
	}
}

// unbrokenAddress keeps a masked address on one line: a browser would break it after its ellipsis. U+2060 joins words
// and is invisible.
func unbrokenAddress(address string) string { return strings.ReplaceAll(address, "…@", "…\u2060@") }

// button is a link of an email that looks like a button.
type button struct {
	Looks      theme.Email
	URL, Label string
}

func newButton(looks theme.Email, url, label string) button { return button{looks, url, label} }
