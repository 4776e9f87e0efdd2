package templates

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"time"
)

//go:embed admin/*.html
var adminFiles embed.FS

// AdminSet is all pages of the operator's dashboard, in English. It is read-only, and safe for concurrent use.
//
// They are pages like those of Set: for the same Content-Security-Policy, without scripts, WCAG 2.2 AA. They say nothing of any person.
// Their own paths are written in them, and begin with /admin.
type AdminSet struct{ pages map[string]*template.Template }

// NewAdmin parses everything embedded for the dashboard.
func NewAdmin() (*AdminSet, error) {
	layout, err := template.New("layout.html").Funcs(adminFuncs()).ParseFS(adminFiles, "admin/layout.html")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	s := &AdminSet{pages: map[string]*template.Template{}}
	for _, name := range adminNames() {
		if s.pages[name], err = template.Must(layout.Clone()).ParseFS(adminFiles, "admin/"+name+".html"); err != nil {
			return nil, fmt.Errorf("templates: %w", err)
		}
	}
	return s, nil
}

// adminNames are the dashboard's pages.
func adminNames() []string { return []string{"failure", "login", "overview", "webhooks"} }

// AdminPage is one of the page types of the dashboard.
type AdminPage interface {
	admin() (name string, inside bool) // inside: only who has logged in sees it
}

// adminView is what a page's template sees.
type adminView struct {
	Name   string
	Inside bool
	Page   AdminPage
}

// Page renders a page. It renders into memory first: with an error nothing was written, unless the error is w's own.
func (s *AdminSet) Page(w io.Writer, p AdminPage) error {
	var b bytes.Buffer
	name, inside := p.admin()
	if err := s.pages[name].ExecuteTemplate(&b, "layout.html", adminView{Name: name, Inside: inside, Page: p}); err != nil {
		return fmt.Errorf("templates: page admin/%s: %w", name, err)
	}
	_, err := w.Write(bytes.ToValidUTF8(b.Bytes(), []byte("\uFFFD")))
	return err
}

// AdminLogin asks for the password. At most one of the others is set.
type AdminLogin struct {
	WrongPassword bool          // the password was
	Wait          time.Duration // there were too many wrong ones
	SessionEnded  bool          // an act came without a session, and nothing was done
	LoggedOut     bool          // logged out by this very click
}

// AdminOverview is the first room: what stands in the way of the service, and how its sites are.
type AdminOverview struct {
	Store  AdminStore
	Relays []AdminRelay // none: nothing is known of relays
	Days   int          // that the sites' numbers are of, today included
	Sites  []AdminSite
	Now    time.Time
}

// AdminStore is whether what is acknowledged now will last. Away: it cannot be reached; with a Setting: that is in the way.
type AdminStore struct {
	Unreachable              bool
	Setting, Have, Want, Fix string
}

// AdminRelay is a mail server as one process sees it.
type AdminRelay struct {
	Address     string    // host:port
	PausedSince time.Time // since when; zero: it takes letters
}

// AdminSite is what was counted at a site.
type AdminSite struct {
	ID, Name                                                         string
	Pending                                                          BoundedCount // now
	Signups, Emails, Confirmations, Declines, Expired, Undeliverable int64
	ConfirmedPercent                                                 int          // of the signups that were confirmed, in percent; negative: there is no telling
	MedianBucket                                                     string       // the name of the bucket in which the median time to confirm is; empty: nobody confirmed
	FailedEvents                                                     BoundedCount // events, now
	HasEndpoints                                                     bool         // it has endpoints
}

// BoundedCount is a number that was counted up to a limit only.
type BoundedCount struct {
	N    int
	More bool // and there are more
}

// AdminWebhooks is what a site's endpoints were not told.
type AdminWebhooks struct {
	ID, Name     string // of the site
	HasEndpoints bool   // it has endpoints
	Events       []AdminFailedEvent
	Continued    bool   // these are not the first
	Next         string // a path with the next ones; empty: there are none
	Requeued     *BoundedCount
	Now          time.Time
}

// AdminFailedEvent is a failed event. Type and At are empty if it does not open any more.
type AdminFailedEvent struct {
	ID, Type, Endpoint string
	At                 time.Time
}

// AdminFailure is any error of the dashboard, by HTTP status.
type AdminFailure struct {
	Status   int
	LoggedIn bool // whoever sees it has logged in
}

func (AdminLogin) admin() (string, bool)     { return "login", false }
func (AdminOverview) admin() (string, bool)  { return "overview", true }
func (AdminWebhooks) admin() (string, bool)  { return "webhooks", true }
func (p AdminFailure) admin() (string, bool) { return "failure", p.LoggedIn }

// Path is the site's page of webhooks.
func (s AdminSite) Path() string { return adminHooks(s.ID) }

// Path is the page's own, where its forms post to.
func (p AdminWebhooks) Path() string { return adminHooks(p.ID) }

func adminHooks(site string) string { return "/admin/sites/" + site + "/webhooks" }
