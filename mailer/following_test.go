package mailer_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/mailer"
	"github.com/optin/optin/store"
)

// pair is two emails of which the second waits for the connection that the first one has.
type pair struct {
	*env
	relay *fakeRelay
	to    [2]string
	jobs  [2]store.Job
	// What Run returned.
	ended [2]bool
	errs  [2]error
}

// newPair returns a pair that was not sent yet, and one open connection on which an email may follow another.
func newPair(t *testing.T, change func(*fakeRelay), options ...func(*mailer.Options)) *pair {
	r := startRelay(t, change)
	one := func(o *mailer.Options) { o.Connections = 1 }
	p := &pair{env: newEnv(t, r.addr, append([]func(*mailer.Options){one}, options...)...), relay: r}
	p.sign(ada, "grace@example.net")
	return p
}

// sign signs up the two people who the emails are to, once an email may follow another to their domains.
func (p *pair) sign(first, second string) {
	p.t.Helper()
	for n := 0; n < 2 || !p.Prompt(); n++ {
		domain := []string{"example.org", "example.net"}[n%2]
		p.deliver(p.signUp(fmt.Sprintf("warm%d@%s", len(p.relay.received()), domain)))
	}
	p.to = [2]string{first, second}
	p.jobs = [2]store.Job{p.signUp(first), p.signUp(second)}
}

// say makes the relay answer one of the two emails so, while they are on the first connection.
func (p *pair) say(which int, verb, reply string) {
	p.relay.change(func(r *fakeRelay) {
		first, then := r.counts[verb]+1, r.say
		r.say = func(s step) string {
			if s.conn == 1 && s.verb == verb && s.nth == first+which {
				return reply
			}
			return then(s)
		}
	})
}

// untilBehind is a relay that answers contents only once something came behind them.
func untilBehind(_ int, in *bufio.Reader) { _, _ = in.Peek(1) }

// run sends both emails. The first one is begun, and waits for the answer to DATA until the second waits for the
// connection. ended is what the relay does between the first content and its answer to that.
func (p *pair) run(ended func(nth int, in *bufio.Reader), contexts ...context.Context) {
	p.t.Helper()
	contexts = append(contexts, p.t.Context(), p.t.Context())
	waiting := make(chan struct{})
	p.relay.change(func(r *fakeRelay) {
		first, content, then := r.counts["DATA"]+1, len(r.messages)+1, r.say
		r.say = func(s step) string {
			if s.verb == "DATA" && s.nth == first {
				<-waiting
			}
			return then(s)
		}
		r.ended = func(nth int, in *bufio.Reader) {
			if nth == content {
				ended(nth, in)
			}
		}
	})
	begun := p.relay.heard("DATA")
	var both sync.WaitGroup
	send := func(i int) {
		both.Go(func() { p.ended[i], p.errs[i] = p.Run(contexts[i], p.jobs[i]) })
	}
	send(0)
	eventually(p.t, "the first email", func() bool { return p.relay.heard("DATA") > begun })
	send(1)
	eventually(p.t, "the second email", func() bool { return p.Waiting() == 1 })
	close(waiting)
	both.Wait()
}

// outcome returns what the log says of one of the two emails.
func (p *pair) outcome(i int) string {
	p.t.Helper()
	last := "nothing"
	for _, line := range p.logged("email") {
		if line["job"] == p.jobs[i].ID {
			last = line["outcome"].(string)
		}
	}
	return last
}

// contents returns the contents, other than empty, that the relay got for one of the two emails.
func (p *pair) contents(i int) (all []string) {
	for _, msg := range p.relay.received() {
		if strings.Contains(msg.rcpt, "<"+p.to[i]+">") && len(msg.raw) > 0 {
			all = append(all, string(msg.raw))
		}
	}
	return all
}

// check fails the test unless the emails ended so, on so many connections, and what is known of those that were
// delivered is what the relay got.
func (p *pair) check(first, second string, connections int) {
	p.t.Helper()
	if p.outcome(0) != first || p.outcome(1) != second || p.relay.dialled() != connections {
		p.t.Errorf("%q and %q on %d connections, want %q and %q on %d; %v; %q", p.outcome(0), p.outcome(1),
			p.relay.dialled(), first, second, connections, p.errs, p.relay.said)
	}
	for i, outcome := range []string{first, second} {
		p.noSecrets(p.errs[i])
		got := p.contents(i)
		if len(got) > 1 {
			p.t.Errorf("email %d was sent %d times", i, len(got))
		}
		if outcome != delivered {
			continue
		}
		if d := p.taken(p.jobs[i]); len(got) != 1 || d == nil || d.SHA256 != sum([]byte(got[0])) {
			p.t.Errorf("email %d arrived %d times, or as other bytes than are known", i, len(got))
		}
	}
}

// pipelining returns the ways of relays that take commands together.
func pipelining() map[string]func(*fakeRelay) {
	all := ways()
	delete(all, oneByOne)
	return all
}

func TestTheCommandsOfTheNextEmailComeBehindTheContent(t *testing.T) {
	p := newPair(t, func(*fakeRelay) {})
	var behind []string
	p.run(func(_ int, in *bufio.Reader) { // nothing is answered before all is there
		for size := 1; len(behind) < 4; size++ {
			next, err := in.Peek(size)
			if err != nil {
				return
			}
			behind = strings.Split(string(next), "\r\n")
		}
	})
	want := []string{"MAIL FROM:<bonjour@gazette.example> BODY=8BITMIME", "RCPT TO:<" + p.to[1] + ">", "DATA", ""}
	if got := strings.Join(behind, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("behind the content came %q", got)
	}
	p.check(delivered, delivered, 1)
}

func TestNothingFollowsAContentThatIsSentAlone(t *testing.T) {
	for name, row := range map[string]struct {
		relay func(*fakeRelay)
		then  func(*pair)
	}{
		"the relay takes commands one by one": {ways()[oneByOne], func(*pair) {}},
		"the relay took long": {func(*fakeRelay) {}, func(p *pair) {
			p.relay.change(func(r *fakeRelay) {
				r.ended = func(int, *bufio.Reader) { time.Sleep(300 * time.Millisecond) }
			})
			p.deliver(p.signUp("slow@example.org"))
		}},
		"it is not known whether the domain answers": {func(*fakeRelay) {}, func(p *pair) {
			p.jobs[1] = p.signUp("hedy@example.com")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, row.relay)
			row.then(p)
			p.run(func(int, *bufio.Reader) {
				if p.Waiting() != 1 {
					t.Error("the second email does not wait any more")
				}
			})
			if p.outcome(0) != delivered || p.outcome(1) != delivered || p.relay.dialled() != 1 {
				t.Errorf("%q, %q on %d connections", p.outcome(0), p.outcome(1), p.relay.dialled())
			}
		})
	}
}

// Each answer to the first email is judged as if nothing had come behind it, and the second is sent at once: on the
// same connection or, if that is over, on another.
func TestWhatBecomesOfAnEmailDoesNotDependOnTheOneBehindIt(t *testing.T) {
	for way, change := range pipelining() {
		for _, row := range []struct {
			reply, outcome string
			connections    int
		}{
			{"250 2.0.0 Ok", delivered, 1},
			{"451 4.3.0 not now", retried, 1},
			{"554 5.7.1 spam", retried, 1},
			{"550 5.1.1 unknown", undeliverable, 1},
			{"421 4.3.2 closing", maybe, 2},
			{"what", maybe, 2},
			{hangUp, maybe, 2},
		} {
			t.Run(way+"/"+row.reply, func(t *testing.T) {
				t.Parallel()
				p := newPair(t, change)
				p.say(0, ".", row.reply)
				p.run(untilBehind)
				p.check(row.outcome, delivered, row.connections)
				if row.outcome == maybe && queueOf(p.errs[0]) != confirm.QueueEmailMaybeSent {
					t.Errorf("%v waits in %q", p.errs[0], queueOf(p.errs[0]))
				}
				if p.PausedFor() != 0 {
					t.Errorf("the relay is paused for %s", p.PausedFor())
				}
			})
		}
	}
}

// Whatever the relay says of the second email, the first one was taken. Without a transaction, the second is tried
// again at once, on another connection.
func TestWhatBecomesOfAnEmailThatFollowsIsItsOwn(t *testing.T) {
	for way, change := range pipelining() {
		for _, row := range []struct {
			verb, reply, outcome string
			connections          int
		}{
			{"MAIL", "451 4.7.1 too many emails on this connection", delivered, 2},
			{"MAIL", "550 5.7.1 no", delivered, 2},
			{"MAIL", "421 4.3.2 closing", delivered, 2},
			{"MAIL", "what", delivered, 2},
			{"MAIL", hangUp, delivered, 2},
			{"RCPT", "450 4.2.0 greylisted", retried, 1},
			{"RCPT", "550 5.1.1 unknown", undeliverable, 1},
			{"RCPT", "554 5.7.1 no", retried, 1},
			{"RCPT", "421 4.3.2 closing", retried, 1},
			{"RCPT", "what", retried, 1},
			{"RCPT", hangUp, retried, 1},
			{"DATA", "451 4.3.0 not now", retried, 1},
			{"DATA", "554 5.5.1 no", retried, 1},
			{"DATA", "421 4.3.2 closing", retried, 1},
			{"DATA", hangUp, retried, 1},
			{".", "250 2.0.0 Ok", delivered, 1},
			{".", "451 4.3.0 not now", retried, 1},
			{".", "421 4.3.2 closing", maybe, 1},
			{".", hangUp, maybe, 1},
		} {
			t.Run(way+"/"+row.verb+" "+row.reply[:min(len(row.reply), 12)], func(t *testing.T) {
				t.Parallel()
				p := newPair(t, change)
				p.say(1, row.verb, row.reply)
				p.run(untilBehind)
				p.check(delivered, row.outcome, row.connections)
				if want := row.outcome == delivered || row.verb == "."; (len(p.contents(1)) == 1) != want {
					t.Errorf("the relay got %d contents of the second email", len(p.contents(1)))
				}
				if p.PausedFor() != 0 {
					t.Errorf("the relay is paused for %s", p.PausedFor())
				}
				p.deliver(p.signUp("next@example.org")) // after RSET, or on another connection
			})
		}
	}
}

// A relay that offers PIPELINING and forgets what came behind a content seems to be silent. That is found out once.
func TestARelayThatForgetsCommandsBehindAContentGetsNoMoreOfThem(t *testing.T) {
	forgets := func(_ int, in *bufio.Reader) {
		_, _ = in.Peek(1)
		_, _ = in.Discard(in.Buffered())
	}
	p := newPair(t, func(*fakeRelay) {}, func(o *mailer.Options) { o.Dial = 500 * time.Millisecond })
	p.run(forgets)
	p.check(delivered, delivered, 2)
	if lines := p.logged("relay gets commands behind an email no more"); len(lines) != 1 || lines[0]["step"] != "MAIL" {
		t.Errorf("logged %v", lines)
	}
	p.sign("ada2@example.org", "grace2@example.net")
	p.run(func(int, *bufio.Reader) {
		if p.Waiting() != 1 {
			t.Error("the next email does not wait for the answer")
		}
	})
	p.check(delivered, delivered, 2)
	p.advance(time.Hour)
	p.sign("ada3@example.org", "grace3@example.net")
	p.run(untilBehind)
	p.check(delivered, delivered, 2)
}

// A relay that refuses a content because commands came behind it gets the next one alone.
func TestARelayThatRefusesAContentForCommandsBehindItGetsNoMoreOfThem(t *testing.T) {
	p := newPair(t, func(*fakeRelay) {})
	p.say(0, ".", "554 5.5.0 commands came before the answer")
	p.run(untilBehind)
	p.check(retried, delivered, 1)
	if lines := p.logged("relay gets commands behind an email no more"); len(lines) != 1 {
		t.Errorf("logged %v", lines)
	}
}

func TestAnEmailThatIsCancelledBehindAnotherIsNotSent(t *testing.T) {
	p := newPair(t, func(*fakeRelay) {})
	ctx, cancel := context.WithCancel(t.Context())
	p.run(func(_ int, in *bufio.Reader) {
		_, _ = in.Peek(1)
		cancel()
		eventually(t, "the second email has ended", func() bool { return p.outcome(1) != "nothing" })
	}, t.Context(), ctx)
	if !errors.Is(p.errs[1], context.Canceled) || !p.isDue(p.jobs[1]) || len(p.contents(1)) != 0 {
		t.Errorf("%v, %d contents", p.errs[1], len(p.contents(1)))
	}
	if p.outcome(0) != delivered {
		t.Errorf("the first email is %q", p.outcome(0))
	}
	eventually(t, "its connection is closed", func() bool { return p.relay.connected() == 0 })
	p.deliver(p.signUp("next@example.org"))
	if p.relay.dialled() != 2 {
		t.Errorf("%d connections", p.relay.dialled())
	}
}

// A process that stops cancels both. The relay has a moment left to answer the first, of which it has the content.
func TestAnEmailThatIsCancelledWithAnotherBehindItWasMaybeSent(t *testing.T) {
	p := newPair(t, func(*fakeRelay) {})
	ctx, cancel := context.WithCancel(t.Context())
	p.say(0, ".", stall)
	p.run(func(_ int, in *bufio.Reader) {
		_, _ = in.Peek(1)
		cancel()
	}, ctx, ctx)
	if p.outcome(0) != maybe || queueOf(p.errs[0]) != confirm.QueueEmailMaybeSent {
		t.Errorf("the first is %q, in %q", p.outcome(0), queueOf(p.errs[0]))
	}
	if !errors.Is(p.errs[1], context.Canceled) || queueOf(p.errs[1]) != p.jobs[1].Queue || len(p.contents(1)) != 0 {
		t.Errorf("the second: %v in %q, %d contents", p.errs[1], queueOf(p.errs[1]), len(p.contents(1)))
	}
}

// The relay says nothing of the first email for longer than the second one may wait for a connection.
func TestAnEmailBehindOneThatTakesLongIsTriedAgainSoon(t *testing.T) {
	p := newPair(t, func(*fakeRelay) {}, func(o *mailer.Options) { o.Dial = 300 * time.Millisecond })
	p.run(func(_ int, in *bufio.Reader) {
		_, _ = in.Peek(1)
		eventually(t, "the second email has ended", func() bool { return p.outcome(1) != "nothing" })
	})
	if waitOf(p.errs[1]) != time.Second || queueOf(p.errs[1]) != p.jobs[1].Queue || len(p.contents(1)) != 0 {
		t.Errorf("%v after %s in %q", p.errs[1], waitOf(p.errs[1]), queueOf(p.errs[1]))
	}
	if p.outcome(0) != delivered || p.request(p.jobs[1]).State != consent.Pending {
		t.Errorf("the first email is %q", p.outcome(0))
	}
	p.deliver(p.retry(p.jobs[1], p.errs[1]))
}
