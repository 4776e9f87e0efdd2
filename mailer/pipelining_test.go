package mailer_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/mailer"
)

// This relay answers one email's commands as they come, and nothing of the next before it has read DATA.
func TestTheCommandsUpToDATAComeTogether(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	said := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		in := bufio.NewScanner(c)
		content := func() {
			for in.Scan() && in.Text() != "." {
			}
			fmt.Fprint(c, "250 taken\r\n")
		}
		fmt.Fprint(c, "220 hello\r\n")
		for _, answer := range []string{"250-relay.example\r\n250 PIPELINING", "250 ok", "250 ok", "354 go on"} {
			in.Scan()
			fmt.Fprint(c, answer+"\r\n")
		}
		content()
		var all []string
		for len(all) < 3 && in.Scan() {
			all = append(all, in.Text())
		}
		fmt.Fprint(c, "250 ok\r\n250 ok\r\n354 go on\r\n")
		content()
		said <- strings.Join(all, ", ")
		in.Scan() // QUIT
	}()
	env := newEnv(t, l.Addr().String())
	env.warm()
	env.deliver(env.signUp("ada@example.org"))
	if got := <-said; got != "MAIL FROM:<bonjour@gazette.example>, RCPT TO:<ada@example.org>, DATA" {
		t.Error(got)
	}
}

// A relay may hold its answer to MAIL back until it has those to RCPT and DATA. Then its silence about a recipient must
// not be taken for a silence of its own, for which it would be paused.
func TestARelayThatHoldsItsAnswersBackIsNotPausedForASlowRecipient(t *testing.T) {
	r := startRelay(t, func(r *fakeRelay) { r.writes = together })
	env := newEnv(t, r.addr, func(o *mailer.Options) {
		o.Dial, o.Session, o.FirstRcpt = 300*time.Millisecond, 5*time.Second, 300*time.Millisecond
	})
	env.warm()
	r.change(says("RCPT", stall))
	_, err := env.Run(t.Context(), env.signUp(ada))
	if err == nil || !strings.Contains(err.Error(), "RCPT: no answer in time") || env.PausedFor() != 0 {
		t.Errorf("%v; the relay is paused for %s", err, env.PausedFor())
	}
}

func TestTheFirstEmailToADomainWaitsForEachAnswer(t *testing.T) {
	r := startRelay(t, func(r *fakeRelay) { r.writes = together })
	env := newEnv(t, r.addr)
	env.warm()
	r.change(func(r *fakeRelay) {
		r.say = func(s step) string {
			if s.verb == "RCPT" && r.heard("DATA") != 1 {
				t.Error("DATA came before the answer to RCPT")
			}
			return ""
		}
	})
	env.deliver(env.signUp("ada@example.net"))
}

// RFC 2920 section 3.1: a relay may take DATA although it refused the only recipient.
func TestAfterARefusedRecipientAnEmptyContentReachesNobody(t *testing.T) {
	for way, change := range ways() {
		for dot, connections := range map[string]int{
			"250 2.0.0 Ok": 1, "554 5.5.1 no valid recipients": 1, hangUp: 2, "what": 2,
		} {
			t.Run(way+"/"+dot, func(t *testing.T) {
				t.Parallel()
				r := startRelay(t, change)
				env := newEnv(t, r.addr)
				env.warm()
				r.change(func(r *fakeRelay) {
					r.say = func(s step) string {
						switch {
						case s.verb == "RCPT" && s.nth == 2:
							return "550 5.1.1 unknown"
						case s.verb == "DATA":
							return "354 go on"
						case s.verb == "." && s.nth == 2 && r.heard("RCPT") == 2:
							return dot
						}
						return ""
					}
				})
				job := env.signUp("nobody@example.org")
				if ended, err := env.Run(t.Context(), job); !ended || err != nil {
					t.Fatalf("ended %v, %v", ended, err)
				}
				if q := env.request(job); q.State != consent.Undeliverable || q.Closed.Reply != "550 5.1.1 unknown" ||
					taken(q) != nil {
					t.Errorf("%+v", q)
				}
				for _, msg := range r.received()[1:] {
					if len(msg.raw) > 0 {
						t.Errorf("the relay got %q", msg.raw)
					}
				}
				env.deliver(env.signUp(ada))
				if way == oneByOne {
					connections = 1 // nothing was to be read
				}
				if r.dialled() != connections {
					t.Errorf("%d connections, want %d", r.dialled(), connections)
				}
			})
		}
	}
}

// After any refusal of MAIL the email is tried again on a new connection, one command at a time.
func TestARecipientIsSentNothingWithoutASender(t *testing.T) {
	for name, row := range map[string]struct{ rcpt, data string }{
		"all are refused":          {"503 5.5.1 no MAIL", "503 5.5.1 no RCPT"},
		"the recipient is taken":   {"250 2.0.0 Ok", "503 5.5.1 no MAIL"},
		"only the sender is":       {"250 2.0.0 Ok", "354 go on"},
		"only the content is":      {"503 5.5.1 no MAIL", "354 go on"},
		"the connection is closed": {hangUp, ""},
		"it wants to close":        {"421 4.3.2 closing", "421 4.3.2 closing"},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRelay(t)
			env := newEnv(t, r.addr)
			env.warm()
			r.change(func(r *fakeRelay) {
				r.say = func(s step) string {
					switch {
					case s.conn > 1:
					case s.verb == "MAIL":
						return "451 4.3.0 not now"
					case s.verb == "RCPT":
						return row.rcpt
					case s.verb == "DATA":
						return row.data
					}
					return ""
				}
			})
			env.deliver(env.signUp("ada@example.org"))
			got := r.received()[1:]
			if r.dialled() != 2 || len(got) == 0 || len(got[len(got)-1].raw) == 0 {
				t.Fatalf("%d connections, %d emails", r.dialled(), len(got))
			}
			for _, msg := range got[:len(got)-1] {
				if len(msg.raw) > 0 || strings.HasPrefix(row.rcpt, "250") {
					t.Errorf("the relay got %q for %s", msg.raw, msg.rcpt)
				}
			}
		})
	}
}
