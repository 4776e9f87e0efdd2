package mailer

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/optin/optin/internal/address"
)

const (
	// refusedInARow is how many domains a relay may refuse in a row. If it refuses as many, it is the relay.
	refusedInARow = 3
	// maxRefused is how many recipient domains are remembered for which a relay refuses us. Strangers choose them.
	maxRefused = 1024
	// forgetRefusal is how long after its end a pause is remembered for a domain to which no more emails go.
	forgetRefusal = 30 * time.Minute
)

// refusals are what a relay refuses because of us: for one recipient's domain, whose server may speak through the
// relay, or for every domain, once it has refused several in a row.
type refusals struct {
	every    pause
	byDomain map[string]*pause
	inARow   map[string]bool // domains, since the relay took an email
	took     bool            // it has taken an email
}

// remaining returns how long an email to a domain has to wait; with an empty domain, any email.
func (r *refusals) remaining(domain string, now time.Time) time.Duration {
	wait := r.every.remaining(now)
	if own := r.byDomain[domain]; own != nil {
		wait = max(wait, own.remaining(now))
	}
	return wait
}

// begin begins an attempt, and notes of which pauses it is the first after them.
func (r *refusals) begin(a *attempt) {
	a.firstOfAll = r.every.begin()
	if own := r.byDomain[a.domain]; own != nil {
		a.firstOfDomain = own.begin()
	}
}

// abandon ends an attempt that found nothing out.
func (r *refusals) abandon(a attempt) {
	r.every.abandon(a.firstOfAll)
	if own := r.byDomain[a.domain]; own != nil {
		own.abandon(a.firstOfDomain)
	}
}

// abandonRefusals ends an attempt that found nothing out about refusals.
func (r *relayState) abandonRefusals(a attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusals.abandon(a)
}

// trusts reports whether a refusal of an email to a domain, by its digits alone, may be taken for the recipient's: the
// relay took emails, and the last ones to other domains among them.
func (r *refusals) trusts(domain string) bool {
	return r.took && (len(r.inARow) == 0 || len(r.inARow) == 1 && r.inARow[domain])
}

// forget forgets the pauses of domains to which no more emails go.
func (r *refusals) forget(now time.Time) {
	for domain, p := range r.byDomain {
		if now.Sub(p.until) > forgetRefusal {
			delete(r.byDomain, domain)
		}
	}
}

// concluded learns from what became of an email whose sender the relay took: nil, or why it did not take it. It decides
// whether a refusal is the recipient's.
func (r *relayState) concluded(a attempt, failure *smtpError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if failure != nil {
		j := failure.judged
		failure.final = j.EndsRequest() && (j.Certain || failure.step == stepRCPT && r.refusals.trusts(a.domain))
	}
	switch known := len(r.refusals.byDomain); {
	case failure == nil:
		r.took(a)
		r.refuses(known, "")
	case failure.refusesUs():
		r.refused(a, failure)
		r.refuses(known, failure.loggableBut(a.to))
	default:
		r.refusals.abandon(a)
	}
}

// took notes that the relay took an email. It ends the pause for every domain, and then that of each.
func (r *relayState) took(a attempt) {
	r.refusals.took, r.refusals.inARow = true, nil
	delete(r.refusals.byDomain, a.domain)
	if r.refusals.every.active() {
		r.endPause(&r.refusals.every, "")
		clear(r.refusals.byDomain)
	}
}

// refused starts a pause for a domain, and for every domain if the relay has refused several in a row.
func (r *relayState) refused(a attempt, failure *smtpError) {
	all, now := &r.refusals, r.now()
	all.forget(now)
	own := all.byDomain[a.domain]
	if own == nil {
		own = &pause{}
		if all.byDomain == nil {
			all.byDomain = map[string]*pause{}
		}
		if len(all.byDomain) < maxRefused {
			all.byDomain[a.domain] = own
		}
	}
	if own.fail(now, a.firstOfDomain, relayRefuses()) {
		r.log.LogAttrs(context.Background(), slog.LevelError, "relay refuses us", slog.String("host", r.HostPort()),
			slog.String("domain", a.domain), slog.String("step", string(failure.step)), slog.Int("code", failure.code),
			slog.String("reply", failure.loggableBut(a.to)))
	}
	if all.inARow == nil {
		all.inARow = map[string]bool{}
	}
	if len(all.inARow) < refusedInARow {
		all.inARow[a.domain] = true
	}
	if len(all.inARow) < refusedInARow {
		all.every.abandon(a.firstOfAll)
		return
	}
	r.startPause(&all.every, a.firstOfAll, "", failure, failure.loggableBut(a.to))
}

// refuses reports for how many domains the relay refuses us, if the number changed.
func (r *relayState) refuses(before int, words string) {
	if n := len(r.refusals.byDomain); n != before {
		r.onRefusal(r.HostPort(), n, words)
	}
}

// loggableBut returns loggable without words that hold the recipient's local part.
func (e *smtpError) loggableBut(to address.Address) string {
	local, _, _ := strings.Cut(to.String(), "@")
	words := strings.Fields(e.loggable())
	for i, w := range words {
		if len(local) > 2 && strings.Contains(strings.ToLower(w), strings.ToLower(local)) {
			words[i] = "…"
		}
	}
	return strings.Join(words, " ")
}
