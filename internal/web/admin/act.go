package admin

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/operator"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates/dashboard"
)

// The paths of acts. ActPath takes acts on people: it asks once more, and then carries them out. StopPath stops one on
// all that match.
const (
	ActPath  = "/admin/act"
	StopPath = "/admin/act/stop"
)

// maxActed is how many people one button may act on.
const maxActed = PendingShown

// Acts has the handlers of what operators do to people.
type Acts struct {
	*Dashboard
	Changed func() // called after something was done
}

// doAct does something to one person, or returns why that is not possible.
type doAct func(context.Context, *confirm.Service, store.Key, consent.Evidence) (consent.NotDue, error)

// act is one thing that can be done to people.
type act struct {
	question, what, button string
	danger, needsReason    bool
	bulk                   bool // it can be done to all that match a filter
	do                     doAct
}

func acts() map[audit.Act]act {
	return map[audit.Act]act{
		audit.Resend: {
			question: "Send the email to %s again?",
			button:   "Send it again",
			bulk:     true,
			what: "It has the same link, good for as long as before, and leaves at once if the limits on emails to " +
				"one address allow it.",
			do: func(ctx context.Context, s *confirm.Service, k store.Key, _ consent.Evidence) (consent.NotDue, error) {
				_, why, err := s.Website.Resend(ctx, k.Site, k.ID)
				return why, err
			},
		},
		audit.Try: {
			question: "Try the email to %s now?",
			button:   "Try it now",
			bulk:     true,
			what: "An email that waits is due at once. It is the same email, and no more than one. The limits on " +
				"emails, and the pauses of a relay that refuses them, hold all the same.",
			do: func(ctx context.Context, s *confirm.Service, k store.Key, _ consent.Evidence) (consent.NotDue, error) {
				due, err := s.Operator.TryNow(ctx, k)
				if err == nil && !due {
					return notDueNone, nil
				}
				return "", err
			},
		},
		audit.Withdraw: {
			question:    "Take back everything that %s agreed to?",
			button:      "Take it back",
			danger:      true,
			needsReason: true,
			what: "Do this when the person asked for it. The website is told. Nothing brings it back but a new " +
				"signup that they confirm.",
			do: func(ctx context.Context, s *confirm.Service, k store.Key, e consent.Evidence) (consent.NotDue, error) {
				_, err := s.Website.Withdraw(ctx, k.Site, k.ID, nil, e)
				return "", err
			},
		},
		audit.Object: {
			question: "Send no more to %s?", button: "Send no more", danger: true, needsReason: true,
			what: "Do this when the person objected (GDPR, article 21). It holds for the mailbox in every spelling, " +
				"ends what was agreed to, and the website is told. It outlasts an erasure.",
			do: func(ctx context.Context, s *confirm.Service, k store.Key, e consent.Evidence) (consent.NotDue, error) {
				a, err := addressOf(ctx, s, k)
				if err != nil {
					return "", err
				}
				return "", s.Website.Object(ctx, k.Site, a, nil, e)
			},
		},
		audit.Unblock: {
			question: "End the objection of %s?", button: "End it", needsReason: true,
			what: "Do this when the person asked for it. Nothing is confirmed by that: emails may come again to ask " +
				"them. What the mailbox itself declined still holds, and is ended by nobody but them.",
			do: func(ctx context.Context, s *confirm.Service, k store.Key, e consent.Evidence) (consent.NotDue, error) {
				a, err := addressOf(ctx, s, k)
				if err != nil {
					return "", err
				}
				return "", s.Website.Unblock(ctx, k.Site, a, e)
			},
		},
		audit.Erase: {
			question:    "Erase everything that is known of %s?",
			button:      "Erase",
			bulk:        true,
			danger:      true,
			needsReason: true,
			what: "Do this when the person asked for it (GDPR, article 17). It cannot be undone. That they declined " +
				"or withdrew stays known under an id that names nobody.",
			do: func(ctx context.Context, s *confirm.Service, k store.Key, _ consent.Evidence) (consent.NotDue, error) {
				return "", s.Website.Erase(ctx, k.Site, k.ID)
			},
		},
	}
}

// addressOf returns the address of a person; store.ErrNotFound if it is not known any more.
func addressOf(ctx context.Context, s *confirm.Service, key store.Key) (address.Address, error) {
	sub, err := s.Website.Subscription(ctx, key.Site, key.ID)
	if err == nil && sub.Address.IsZero() {
		err = store.ErrNotFound
	}
	return sub.Address, err
}

// Why no email is due, beside the reasons of package consent.
const (
	notDueUnknown consent.NotDue = "unknown"
	notDueNone    consent.NotDue = "none_waits"
)

// notResent lists the words for why no email is due.
func notResent() (all []string) {
	for _, why := range []consent.NotDue{
		consent.NotDueDeclined, consent.NotDueConfirmed, consent.NotDueClosed, consent.NotDueRole, consent.NotDueLimit,
		notDueUnknown, confirm.NotDueSite, notDueNone,
	} {
		all = append(all, string(why))
	}
	return all
}

// asked is what a form asks for.
type asked struct {
	word   audit.Act
	act    act
	keys   []store.Key
	all    bool   // all that match
	match  filter // with all
	reason string
	back   string
	sure   bool
}

// Act asks once more, or, where that was answered, does it.
func (a *Acts) Act(c echo.Context) error {
	in, err := a.readAsked(c)
	if err != nil {
		return err
	}
	if in.word == audit.Erase && !mayDo(c, operator.Admin) {
		return a.refuse(c)
	}
	if len(in.keys) == 0 && !in.all {
		return respond.SeeOther(c, in.back) // nobody was selected
	}
	switch ctx := c.Request().Context(); {
	case in.sure && (in.reason != "" || !in.act.needsReason) && in.all:
		return a.startBulk(c, in)
	case in.sure && (in.reason != "" || !in.act.needsReason):
		return a.carryOut(c, in)
	default:
		page, err := a.askPage(ctx, in)
		if err != nil {
			return err
		}
		return a.page(c, http.StatusOK, page)
	}
}

// readAsked reads a form strictly: what is not one of ours is an error. The name of the button that was pressed says to
// whom: one, the selected, or all that match. The value of the latter two is the act.
func (a *Acts) readAsked(c echo.Context) (in asked, err error) {
	f, _, err := request.Schema{
		"act": request.Text, "id": request.List, "one": request.Text, "selected": request.Text, "all": request.Text,
		"match": request.Text, "sure": request.Bool, "reason": request.Text, "back": request.Text,
	}.Decode(c, request.MediaForm)
	if err != nil {
		return in, err
	}
	in = asked{
		word: audit.Act(cmp.Or(f.One("all"), f.One("selected"), f.One("act"))), all: f.One("all") != "",
		reason: f.One("reason"), back: backTo(f.One("back")), sure: f.Yes("sure"),
	}
	names, known := f.All("id"), false
	if one := f.One("one"); one != "" {
		names = []string{one} // the button of one row: ticked rows do not count
	}
	in.act, known = acts()[in.word]
	in.match, err = parseFilter(f.One("match"))
	if !known || f.AnyWrong() || len(names) > maxActed || len(in.reason) > maxReason || err != nil ||
		in.all && !in.act.bulk {
		return in, problem.New(problem.Unreadable)
	}
	view := a.as(c)
	if in.all {
		if in.match = view.limit(in.match); in.match.site != "" && !maySee(c, in.match.site) {
			err = problem.New(problem.Unreadable)
		}
		return in, err
	}
	for _, name := range names {
		site, id, _ := strings.Cut(name, "/")
		if !view.sees(site) {
			return in, problem.New(problem.Unreadable)
		}
		in.keys = append(in.keys, store.Key{Site: site, ID: id})
	}
	return in, nil
}

// startBulk notes an act on all that match in the audit log, starts it, and leads back.
func (a *Acts) startBulk(c echo.Context, in asked) error {
	ctx := c.Request().Context()
	reason := "all that match"
	if words := in.match.inWords(); words != "" {
		reason += " (" + words + ")"
	}
	reason = strings.TrimSuffix(reason+": "+in.reason, ": ")
	if err := a.audit(c, in.word, store.Key{Site: in.match.site}, reason); err != nil {
		return err
	}
	err := a.Bulk.start(ctx, &bulkRun{
		ID: rand.Text(), By: sessionName(c), Act: in.word, Match: in.match.keep(), Reason: reason,
	})
	path, query, _ := strings.Cut(in.back, "?")
	if errors.Is(err, errBulkRuns) {
		return respond.SeeOther(c, withQuery(path, query, "busy", "1"))
	}
	if err != nil {
		return err
	}
	return respond.SeeOther(c, in.back)
}

// Stop stops an act on all that match.
func (a *Acts) Stop(c echo.Context) error {
	f, _, err := request.Schema{"back": request.Text}.Decode(c, request.MediaForm)
	if err != nil {
		return err
	}
	if err := a.audit(c, audit.Stop, store.Key{}, ""); err != nil {
		return err
	}
	err = a.Bulk.stop(c.Request().Context(), a.as(c))
	if errors.Is(err, errNotTheirs) {
		return a.refuse(c)
	}
	if err != nil {
		return err
	}
	return respond.SeeOther(c, backTo(f.One("back")))
}

// maxReason is how long a reason may be, in bytes.
const maxReason = 800

// backTo returns a path of the dashboard to which a form leads back: the list of who is pending, if it names no other.
func backTo(path string) string {
	if !strings.HasPrefix(path, Path+"/") || strings.ContainsAny(path, "\\\r\n") {
		return PendingPath
	}
	return path
}

// askPage returns the page that asks once more.
func (a *Acts) askPage(ctx context.Context, in asked) (dashboard.Ask, error) {
	page := dashboard.Ask{
		Act: string(in.word), What: in.act.what, Button: in.act.button, Danger: in.act.danger, Back: in.back,
		NeedsReason: in.act.needsReason, ReasonMissing: in.sure,
	}
	if in.all {
		return page, a.askForAll(ctx, in, &page)
	}
	for _, key := range in.keys {
		one := dashboard.Asked{Name: key.Site + "/" + key.ID, Site: a.nameOf(key.Site)}
		sub, err := a.Service.Website.Subscription(ctx, key.Site, key.ID)
		switch {
		case errors.Is(err, store.ErrNotFound):
			one.Note = "Not known any more."
		case err != nil:
			return page, err
		default:
			one.Address = sub.Address.Masked()
			if in.word == audit.Resend {
				one.Note = a.whyNot(key, &sub)
			}
			page.Possible = page.Possible || one.Note == ""
		}
		page.People = append(page.People, one)
	}
	who := page.People[0].Address
	if n := len(page.People); n > 1 {
		who = fmt.Sprintf("%d people", n)
	} else if who == "" {
		who = "this person"
	}
	page.Title = fmt.Sprintf(in.act.question, who)
	return page, nil
}

// askForAll completes the page that asks once more before something is done to all that match.
func (a *Acts) askForAll(ctx context.Context, in asked, page *dashboard.Ask) error {
	q := in.match.query()
	q.Limit = confirm.MaxPendingRead
	found, err := a.Service.Operator.Pending(ctx, q)
	if err != nil {
		return err
	}
	n := 0
	for _, p := range found.All {
		if !p.Unreadable && in.match.matches(p) {
			n++
		}
	}
	page.All, page.Match, page.Filter = string(in.word), in.match.encode(), in.match.inWords()
	page.Matching = dashboard.BoundedCount{N: n, More: found.Next != store.Cursor{}}
	page.Read, page.Possible = found.Read, n > 0 || page.Matching.More
	who := dashboard.Count(n, "person")
	if page.Matching.More {
		who = "all that match"
	}
	page.Title = fmt.Sprintf(in.act.question, who)
	return nil
}

// whyNot returns why no email is due to a person now, in words; empty if one is.
func (d *Dashboard) whyNot(key store.Key, sub *consent.Subscription) string {
	site, _ := d.Service.Site(key.Site)
	switch at, why := site.Terms.ResendAt(sub, d.Now()); {
	case why != "":
		return dashboard.NotDueNow(string(why), 0)
	case at.After(d.Now()):
		return dashboard.NotDueNow(string(consent.NotDueLimit), at.Sub(d.Now()))
	}
	return ""
}

// carryOut notes each act in the audit log, does it, and leads back.
func (a *Acts) carryOut(c echo.Context, in asked) error {
	ctx := c.Request().Context()
	e := request.Evidence(c, consent.ByServer)
	e.IP, e.UserAgent, e.Origin = "", "", "" // the operator's, and none of the person's
	e.Detail = strings.TrimSuffix("by an operator: "+in.reason, ": ")
	done, not := 0, map[consent.NotDue]int{}
	for _, key := range in.keys {
		if err := a.audit(c, in.word, key, in.reason); err != nil {
			return err
		}
		why, err := notDueOf(in.act.do(ctx, a.Service, key, e))
		if err != nil {
			return err
		}
		if why == "" {
			done++
		} else {
			not[why]++
		}
	}
	a.Changed()
	return respond.SeeOther(c, in.after(done, not))
}

// after returns where a form leads when it is done, with what became of it.
func (in asked) after(done int, not map[consent.NotDue]int) string {
	path, query, _ := strings.Cut(in.back, "?")
	list, did := path == PendingPath || path == EmailsPath, string(in.word)
	switch {
	case in.word == audit.Erase && !list: // perhaps there is no page to lead back to
		return pathWith(PeoplePath, nil, "done", did)
	case in.word == audit.Resend:
		did = ""
	case in.word != audit.Try && !list:
		return withQuery(path, query, "done", did)
	}
	var whyNot []string
	for _, why := range notResent() {
		if n := not[consent.NotDue(why)]; n > 0 {
			whyNot = append(whyNot, fmt.Sprintf("%s.%d", why, n))
		}
	}
	return withQuery(path, query, "done", did, "resent", fmt.Sprint(done), "not", strings.Join(whyNot, ","))
}

// audit notes what the operator of a request does to one person, before it is done.
func (d *Dashboard) audit(c echo.Context, what audit.Act, key store.Key, reason string) error {
	return d.Audit.Add(c.Request().Context(), audit.Entry{
		By: audit.Operator, Name: sessionName(c), Act: what, Site: key.Site, Subscription: key.ID, Reason: reason,
	})
}
