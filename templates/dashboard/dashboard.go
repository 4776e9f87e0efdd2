// Package dashboard holds the pages of the operators' dashboard, in English, and the words in them.
//
// Like the pages that people see, they are only about looks and words: they decide nothing, read no clock, and say of
// a person what the caller gives them, who masks addresses. They are for the Content-Security-Policy of package
// templates and for WCAG 2.2 AA, in light and dark, and work without JavaScript: their one script, admin.js, only keeps
// them fresh. What they show is escaped by where it stands. The paths of one another are written in them, and begin
// with /admin.
//
// A view is a type, and a file *.templ of the same name with its title and its body.
package dashboard

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/a-h/templ"
)

// Page is a page of the dashboard.
type Page interface {
	name() string
	title() string
	main(v Viewer) templ.Component
}

// Viewer is who looks at a page. The zero value has not logged in.
type Viewer struct {
	Name    string // of the operator
	Acts    bool   // may do what a person or a website could ask for
	Rules   bool   // may also erase, and read the audit log
	Proxied bool   // a proxy has the session, so there is none to end
}

// Render renders a page of the dashboard. It renders into memory first: with an error nothing was written, unless
// the error is w's own.
func Render(w io.Writer, v Viewer, p Page) error {
	var b bytes.Buffer
	if err := layout(v, p).Render(context.Background(), &b); err != nil {
		return fmt.Errorf("dashboard: page %s: %w", p.name(), err)
	}
	_, err := w.Write(bytes.ToValidUTF8(b.Bytes(), []byte("\uFFFD")))
	return err
}

// link is a view of the dashboard that its navigation leads to.
type link struct{ Name, Path, Label string }

// views lists the views that an operator may see, in the order of the navigation.
func views(v Viewer) []link {
	all := []link{
		{"overview", "/admin", "Now"},
		{"pending", "/admin/pending", "Pending"},
		{"emails", "/admin/emails", "Emails"},
		{"endpoints", "/admin/webhooks", "Webhooks"},
		{"people", "/admin/people", "People"},
		{"trends", "/admin/trends", "Trends"},
	}
	if v.Rules {
		all = append(all, link{"audit", "/admin/audit", "Audit"})
	}
	return all
}
