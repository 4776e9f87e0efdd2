package admin

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/templates/dashboard"
)

// stepOf returns a step of a timeline in plain words: what optin saw itself, and after that what the website says.
func stepOf(step consent.Step, path string) dashboard.Step {
	shown := dashboard.Step{
		At:    step.At,
		Title: dashboard.StepInWords(string(step.Action)),
		Light: dashboard.LightOfStep(string(step.Action)),
	}
	f := facts{}
	for _, p := range step.Purposes {
		f.add("Purpose", p.ID)
	}
	if s := step.Seen; s != nil {
		shown.Words = s.Reply
		f.add("How", dashboard.MethodInWords(string(s.Method)))
		if s.Reason != "" {
			f.add("This means", dashboard.DeliveryInWords(string(s.Reason)))
		}
		f.add("IP", s.IP)
		f.add("Browser", s.UserAgent)
		f.add("Origin", s.Origin)
		f.moment("Page made", s.PageMade)
	}
	if e := step.Email; e != nil {
		if e.Due != nil {
			f.moment("To leave at", *e.Due)
		}
		f.add("Message-ID", e.MessageID)
		if e.Tries > 0 {
			f.add("Tries before", fmt.Sprint(e.Tries))
		}
		f.add("SHA-256", e.SHA256)
		if step.Action == consent.StepTaken {
			shown.EmailPath = path + "/emails/" + e.ID
		}
	}
	if t := step.Told; t != nil {
		f.add("Event", string(t.Event))
		f.add("Endpoint", t.Endpoint)
	}
	f.add("Receipt", step.Receipt)
	if step.Count > 0 {
		f.add("Signups", fmt.Sprint(step.Count))
	}
	f.attested(step.Attested)
	shown.Facts = f
	return shown
}

// masked returns a step of a person as an operator may see it for whom addresses are masked: an IP and a browser tell
// people apart as well, so it has the network of the one, and not the other.
func masked(step consent.Step, of address.Address) consent.Step {
	if step.Seen != nil {
		seen := *step.Seen
		seen.IP, seen.UserAgent, seen.Reply = consent.CutIP(seen.IP), "", of.HiddenIn(seen.Reply)
		step.Seen = &seen
	}
	if step.Attested != nil {
		said := *step.Attested
		said.IP, said.UserAgent = consent.CutIP(said.IP), ""
		step.Attested = &said
	}
	return step
}

// facts gathers what is known of a step.
type facts []dashboard.Fact

// add adds a fact, unless there is none.
func (f *facts) add(label, value string) {
	if value = strings.TrimSpace(value); value != "" {
		*f = append(*f, dashboard.Fact{Label: label, Value: value})
	}
}

func (f *facts) moment(label string, at time.Time) {
	if !at.IsZero() {
		f.add(label, at.UTC().Format("2 Jan 2006, 15:04:05 UTC"))
	}
}

// attested adds what the website says, which optin cannot know to be so.
func (f *facts) attested(a *consent.Said) {
	if a == nil {
		return
	}
	const by = "Website: "
	f.add(by+"page", a.Source)
	f.add(by+"form", a.Form)
	f.add(by+"channel", string(a.Channel))
	f.add(by+"method", a.Method)
	f.add(by+"IP", a.IP)
	f.add(by+"browser", a.UserAgent)
	f.add(by+"visited", a.Page)
	f.moment(by+"when", a.At)
	for _, purpose := range slices.Sorted(maps.Keys(a.Shown)) {
		f.add(by+"shown for "+purpose, a.Shown[purpose])
	}
}
