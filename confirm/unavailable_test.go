package confirm_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// outage is a store that is away from one of its calls on.
type outage struct {
	on          bool
	calls, from atomic.Int64
}

var errAway = errors.New("the store is away")

func (o *outage) allowed() error {
	if o.on && o.calls.Add(1) >= o.from.Load() {
		return errAway
	}
	return nil
}

// people are a site's, one in each state that a call may meet.
type people struct {
	*env
	ctx     context.Context
	pending confirm.Message // of ada@example.org
	asked   store.Job       // the job of her email
	bob     string          // the id of bob@example.org
	receipt string          // the id of his receipt
	rest    []byte          // what the log has of him
	leave   string          // the token of his link that withdraws
	copying string          // the token of his link to a copy
	erasing string          // and to his erasure
}

func newPeople(t *testing.T, away *outage) *people {
	t.Helper()
	keys := receiptKeys(t)
	change := func(o *confirm.Options) {
		o.Store, o.Logged, o.Receipts = store.Guard(o.Store, away.allowed), true, confirm.Receipts{Keys: keys}
		o.EmailsPerMailbox = []store.Limit{{N: 50, Per: time.Hour}}
	}
	path := filepath.Join(t.TempDir(), "optin.db")
	p := &people{ctx: t.Context(), env: openWith(t, path, change, "s", "o")} // during a rotation of secrets
	p.consented("bob@example.org")
	p.bob = p.id("bob@example.org")
	status, err := p.Website.ByID(p.ctx, "gazette", p.bob)
	if err != nil {
		t.Fatal(err)
	}
	p.leave = tokenOf(*status.UnsubscribeURL)
	p.rest = p.entries()[0].Rest
	sub, err := p.Website.Subscription(p.ctx, "gazette", p.bob)
	if err != nil {
		t.Fatal(err)
	}
	p.receipt = sub.Requests.WithReceipt("").Receipt.ID
	for right, link := range map[consent.Right]*string{
		consent.RightCopy: &p.copying, consent.RightErase: &p.erasing,
	} {
		p.later(time.Hour)
		if _, err := p.Person.ClaimRight(p.ctx, p.leave, right, consent.Evidence{}); err != nil {
			t.Fatal(err)
		}
		*link = tokenOf(p.email().Confirm)
	}
	p.signUp("bob+news@example.org", "letter") // another spelling
	p.signUp("ada@example.org", "letter")
	for _, job := range p.emails(2) {
		m, err := p.Relay.Message(p.ctx, job)
		if err == nil {
			err = p.Relay.Delivered(p.ctx, job, nil, consent.Delivery{Reply: "250 ok", SHA256: "00", Unsigned: "00"})
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.To == mustParse("ada@example.org") {
			p.pending, p.asked = m, job
		}
	}
	return p
}

// key is that of a person's record.
func (p *people) key(id string) store.Key { return store.Key{Site: "gazette", ID: id} }

// job signs somebody up and returns the job of the email.
func (p *people) job() store.Job {
	p.signUp("eve@example.org", "letter")
	return p.emails(1)[0]
}

// asks are the calls that only look.
func asks(p *people) map[string]func() error {
	ask := p.Website
	return map[string]func() error{
		"look at a link": func() error { _, err := p.Person.View(p.ctx, tokenOf(p.pending.Confirm)); return err },
		"consents":       func() error { _, err := p.Person.Consents(p.ctx, p.leave); return err },
		"right":          func() error { _, err := p.Person.Right(p.ctx, p.copying); return err },
		"own receipt":    func() error { _, err := p.Person.Receipt(p.ctx, p.leave); return err },
		"lookup": func() error {
			_, err := ask.Lookup(p.ctx, "gazette", mustParse("bob@example.org"))
			return err
		},
		"lookups": func() error {
			all := []address.Address{mustParse("ada@example.org"), mustParse("bob@example.org")}
			_, err := ask.AskAll(p.ctx, "gazette", all, confirm.Question{For: "letter"})
			return err
		},
		"then": func() error {
			_, err := ask.Ask(p.ctx, "gazette", mustParse("bob@example.org"), confirm.Question{At: p.clock()})
			return err
		},
		"list": func() error {
			_, err := ask.List(p.ctx, "gazette", confirm.Listing{Limit: 10})
			return err
		},
		"list by purpose": func() error {
			l := confirm.Listing{Limit: 10, Purpose: "letter", State: consent.Confirmed}
			_, err := ask.List(p.ctx, "gazette", l)
			return err
		},
		"export": func() error {
			for _, err := range ask.Export(p.ctx, "gazette") {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"one":          func() error { _, err := ask.ByID(p.ctx, "gazette", p.bob); return err },
		"subscription": func() error { _, err := ask.Subscription(p.ctx, "gazette", p.bob); return err },
		"timeline":     func() error { _, err := ask.Timeline(p.ctx, "gazette", p.bob); return err },
		"receipt":      func() error { _, err := ask.Receipt(p.ctx, "gazette", p.bob, ""); return err },
		"statistics": func() error {
			_, err := p.Statistics.By(p.ctx, "gazette", store.ByDay, p.clock().Add(-48*time.Hour), p.clock())
			return err
		},
		"trends": func() error {
			_, err := p.Statistics.Trends(
				p.ctx, []string{"gazette"}, p.clock().Add(-48*time.Hour), p.clock(), confirm.Value{})
			return err
		},
		"unreadable": func() error { _, err := ask.Unreadable(p.ctx, "gazette"); return err },
		"inspection": func() error {
			return p.Inspect(p.ctx, func(int) {}, func(*confirm.UnreadableError) {})
		},
		"emails of a request": func() error { _, err := p.Relay.SentFor(p.ctx, p.asked); return err },
		"whether a receipt stands": func() error {
			_, err := p.ReceiptStatus(p.ctx, p.receipt)
			return err
		},
		"a statement": func() error {
			_, _, err := p.Statement(p.ctx, p.StatementSum("gazette", "letter", "fr"))
			return err
		},
		"a text's time": func() error {
			_, err := p.TextSince(p.ctx, p.StatementSum("gazette", "letter", "fr"))
			return err
		},
		"a text for the log": func() error {
			_, err := p.Log.Text(p.ctx, p.StatementSum("gazette", "letter", "fr"))
			return err
		},
		"emails sent": func() error { _, err := p.Relay.Sent(p.ctx, p.key(p.bob)); return err },
		"pending": func() error {
			_, err := p.Operator.Pending(p.ctx, confirm.PendingQuery{Limit: 10, Domain: "example.org"})
			return err
		},
		"find":      func() error { _, err := p.Operator.Find(p.ctx, "bob@example.org"); return err },
		"find id":   func() error { _, err := p.Operator.Find(p.ctx, p.bob); return err },
		"revisions": func() error { return p.ReadRevisions(p.ctx) },
	}
}

// acts are the calls that change something, each with people of its own.
func acts() map[string]func(p *people) func() error {
	by := consent.Evidence{How: consent.ByServer, Detail: "asked our desk"}
	website := func(do func(p *people) error) func(*people) func() error {
		return func(p *people) func() error { return func() error { return do(p) } }
	}
	report := func(kind confirm.ReportKind, reason consent.RefusalReason) func(*people) func() error {
		return website(func(p *people) error {
			return p.Relay.Report(p.ctx, confirm.Report{
				ReturnPath: p.pending.ReturnPath, Kind: kind, Reason: reason, Words: "550 no",
			})
		})
	}
	onJob := func(do func(p *people, job store.Job) error) func(*people) func() error {
		return func(p *people) func() error {
			job := p.job()
			return func() error { return do(p, job) }
		}
	}
	return map[string]func(p *people) func() error{
		"sign up": website(func(p *people) error {
			return p.Person.SignUp(p.ctx, "gazette", signupOf("carl@example.org", "letter"))
		}),
		"confirm": website(func(p *people) error { _, err := p.confirm(tokenOf(p.pending.Confirm)); return err }),
		"decline": website(func(p *people) error {
			_, err := p.Person.Decline(p.ctx, tokenOf(p.pending.Decline), consent.Evidence{})
			return err
		}),
		"unblock": func(p *people) func() error {
			v, err := p.Person.Decline(p.ctx, tokenOf(p.pending.Decline), consent.Evidence{})
			if err != nil {
				p.t.Fatal(err)
			}
			return func() error { _, err := p.Person.Unblock(p.ctx, v.Unblock, consent.Evidence{}); return err }
		},
		"renew": func(p *people) func() error {
			p.later(terms.TTL + time.Hour)
			return func() error {
				_, err := p.Person.Renew(p.ctx, tokenOf(p.pending.Confirm), nil, consent.Evidence{})
				return err
			}
		},
		"withdraw": website(func(p *people) error {
			_, err := p.Person.Withdraw(p.ctx, p.leave, nil, consent.Evidence{How: consent.ByOneClick})
			return err
		}),
		"claim a copy": website(func(p *people) error {
			_, err := p.Person.ClaimRight(p.ctx, p.leave, consent.RightCopy, consent.Evidence{})
			return err
		}),
		"take the copy": website(func(p *people) error {
			_, _, err := p.Person.TakeCopy(p.ctx, p.copying, consent.Evidence{})
			return err
		}),
		"erase oneself": website(func(p *people) error { _, err := p.Person.Erase(p.ctx, p.erasing); return err }),
		"erase":         website(func(p *people) error { return p.Website.Erase(p.ctx, "gazette", p.bob) }),
		"withdraw for": website(func(p *people) error {
			_, err := p.Website.Withdraw(p.ctx, "gazette", p.bob, nil, by)
			return err
		}),
		"object": website(func(p *people) error {
			return p.Website.Object(p.ctx, "gazette", mustParse("bob@example.org"), nil, by)
		}),
		"end an objection": func(p *people) func() error {
			p.object("bob@example.org")
			return func() error { return p.Website.Unblock(p.ctx, "gazette", mustParse("bob@example.org"), by) }
		},
		"resend": func(p *people) func() error {
			p.later(time.Hour)
			id := p.id("ada@example.org")
			return func() error { _, _, err := p.Website.Resend(p.ctx, "gazette", id); return err }
		},
		"use": website(func(p *people) error {
			q := confirm.Question{For: "letter", Use: true}
			_, err := p.Website.Ask(p.ctx, "gazette", mustParse("bob@example.org"), q)
			return err
		}),
		"report of a bounce":   report(confirm.ReportHard, ""),
		"report of a full one": report(confirm.ReportSoft, consent.RefusalMailbox),
		"report of spam":       report(confirm.ReportComplaint, ""),
		"message": onJob(func(p *people, job store.Job) error {
			_, err := p.Relay.Message(p.ctx, job)
			return err
		}),
		"tried": onJob(func(p *people, job store.Job) error {
			return p.Relay.Tried(p.ctx, job, consent.Answer{Reply: "451 later"})
		}),
		"delivered": onJob(func(p *people, job store.Job) error {
			return p.Relay.Delivered(p.ctx, job, nil, consent.Delivery{Reply: "250 ok"})
		}),
		"undeliverable": onJob(func(p *people, job store.Job) error {
			return p.Relay.Undeliverable(p.ctx, job, "550 no")
		}),
		"room in the mailbox": func(p *people) func() error {
			job := p.job()
			m, err := p.Relay.Message(p.ctx, job)
			if err != nil {
				p.t.Fatal(err)
			}
			job.Queue = confirm.QueueEmailMaybeSent
			p.later(time.Hour)
			return func() error { return p.Relay.AcquireMailbox(p.ctx, job, m) }
		},
		"the clock": func(p *people) func() error {
			p.later(terms.TTL)
			jobs, err := p.store.Lease(p.ctx, store.TimerQueue, 1, time.Minute)
			if err != nil || len(jobs) != 1 {
				p.t.Fatal(jobs, err)
			}
			return func() error { return p.Clock.Expire(p.ctx, jobs[0]) }
		},
		"retention": website(func(p *people) error {
			_, _, err := p.Clock.Retain(p.ctx, "gazette", store.Cursor{}, 100)
			return err
		}),
		"an event": func(p *people) func() error {
			jobs, err := p.store.Lease(p.ctx, endpoint, 10, time.Minute)
			if err != nil || len(jobs) == 0 {
				p.t.Fatal(jobs, err)
			}
			return func() error {
				e, err := p.Website.Event(p.ctx, jobs[0])
				if err == nil {
					err = p.Website.Notified(p.ctx, jobs[0], e, "https://gazette.example/hook")
				}
				return err
			}
		},
		"report about an address": website(func(p *people) error {
			return p.Relay.Report(p.ctx, confirm.Report{
				Site: "gazette", Address: p.pending.To, Kind: confirm.ReportHard, Words: "550 no",
			})
		}),
		"report about an email": website(func(p *people) error {
			return p.Relay.Report(p.ctx, confirm.Report{
				MessageID: p.pending.ID, Kind: confirm.ReportFlood, Words: "450 flooded",
			})
		}),
		"signatures": onJob(func(p *people, job store.Job) error {
			return p.Relay.Signed(p.ctx, job, map[int]string{0: "DKIM"})
		}),
		"a skeleton": website(func(p *people) error {
			sum := sha256.Sum256([]byte("text"))
			return p.KeepSkeleton(p.ctx, hex.EncodeToString(sum[:]), []byte("text"))
		}),
		"restore": func(p *people) func() error {
			one := confirm.Restorable{Key: p.key("AAAAAAAAAAAAAAAAAAAAAA"), Rest: p.rest}
			return func() error { _, err := p.Log.Restore(p.ctx, one); return err }
		},
		"reapply": func(p *people) func() error {
			p.later(time.Hour)
			return func() error { _, err := p.Log.Reapply(p.ctx, p.key(p.bob), p.rest, time.Time{}); return err }
		},
		"reapply an erasure": func(p *people) func() error {
			p.later(time.Hour)
			return func() error { _, err := p.Log.Reapply(p.ctx, p.key(p.bob), p.rest, p.clock()); return err }
		},
		"statements": website(func(p *people) error { return p.PutStatements(p.ctx) }),
		"try now": website(func(p *people) error {
			_, err := p.Operator.TryNow(p.ctx, p.key(p.bob))
			return err
		}),
	}
}

// sweep lets a call meet a store that is away from its first call on, from its second, and so on: it must say so each
// time, and succeed as soon as the store is there for all of it.
func sweep(t *testing.T, name string, away *outage, call func() error) {
	t.Helper()
	away.on = true
	defer func() { away.on = false }()
	for from := int64(1); from < 100; from++ {
		away.from.Store(from)
		away.calls.Store(0)
		err := call()
		if away.calls.Load() < from {
			if err != nil || from == 1 {
				t.Errorf("%s: %d calls, %v", name, from-1, err)
			}
			return
		}
		if !errors.Is(err, errAway) {
			t.Errorf("%s: the store is away from its call %d on: %v", name, from, err)
			return
		}
	}
	t.Errorf("%s never ends", name)
}

func TestNothingIsSaidThatTheStoreDidNotSay(t *testing.T) {
	away := &outage{}
	p := newPeople(t, away)
	for name, ask := range asks(p) {
		sweep(t, name, away, ask)
	}
}

func TestNothingIsAcknowledgedThatTheStoreDidNotTake(t *testing.T) {
	for name, prepare := range acts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			away := &outage{}
			sweep(t, name, away, prepare(newPeople(t, away)))
		})
	}
}
