package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/consentlog"
	"github.com/optin/optin/store"
)

// erasedName begins that of every person of the test below, and stands nowhere else.
const erasedName = "zqzaphod"

// TestErasuresLeaveNoAddressAndBreakNoProof erases people who stand in every place that there is: pending, confirmed,
// withdrawn, declined and objected, with events that wait for an endpoint which refuses them.
func TestErasuresLeaveNoAddressAndBreakNoProof(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		folder := t.TempDir()
		testErasures(t, newEnv(t, "sqlite://"+folder+"/optin.db"), folder, func() {})
	})
	t.Run("redis", func(t *testing.T) {
		redis := redisServer(t)
		testErasures(t, newEnv(t, redis.url()), redis.dir, func() {
			redis.ask("BGREWRITEAOF") // what was written before an erasure is sealed, and gone with the next rewrite
			time.Sleep(time.Second)
			for strings.Contains(redis.ask("INFO persistence"), "aof_rewrite_in_progress:1") {
				time.Sleep(10 * time.Millisecond)
			}
		})
	})
}

func testErasures(t *testing.T, e *env, folder string, rewrite func()) {
	n := size(40, 1000)
	e.perAddress, e.topYAML = "1000/1m", "limits: {emails_per_address: 1000/1h, emails_per_domain: 100000/1h}\n"
	e.withLog()
	e.endpoint = newEndpoint(t)
	e.endpoint.status = http.StatusInternalServerError
	e.siteYAML = e.endpoint.yaml()
	p, a := e.spawn(e.listen)
	who := func(i int) string { return fmt.Sprintf("%s%d@people.test", erasedName, i) }
	refused := func(i int) bool { return i%5 == 3 || i%5 == 4 }
	ids, leaves := make([]string, n), int64(0)
	for i := range n {
		if code := a.SignUp(who(i)); code != http.StatusAccepted {
			t.Fatal(code)
		}
		link := confirmLink(a.Email(who(i)))
		switch i % 5 {
		case 0: // pending
			ids[i] = a.Lookup(who(i)).ID
			continue
		case 4:
			a.post(path(link)+"/decline", "", nil)
		default:
			a.Confirm(link)
		}
		leaves++
		is := a.Lookup(who(i))
		ids[i] = is.ID
		switch i % 5 {
		case 2:
			a.Withdraw(is.UnsubscribeURL)
			leaves++
		case 3:
			a.told("/objections", `{"email":"`+who(i)+`"}`)
			leaves++
		}
	}
	a.SignUp("kept@people.test")
	a.Confirm(confirmLink(a.Email("kept@people.test")))
	leaves++
	a.logged(leaves)
	sealed := e.sealedRecords()
	if len(sealed) < n {
		t.Fatalf("%d records", len(sealed))
	}
	for _, id := range ids {
		a.delete("/subscriptions/" + id)
		leaves++
	}
	a.logged(leaves)
	for i := range n { // their refusals hold, and nobody else has any
		if !refused(i) {
			continue
		}
		sent := e.emailsTo(who(i))
		a.SignUp(who(i))
		ids[i] = ""
		defer func() {
			if e.emailsTo(who(i)) != sent {
				t.Errorf("%s refused, was erased, and gets an email", who(i))
			}
		}()
	}
	a.SignUp("last@people.test")
	a.Email("last@people.test")
	rewrite()
	p.stop()
	kept := e.kept()
	e.findsNothing(folder, sealed)
	e.findsNothing(filepath.Dir(e.parse().Log.Path), sealed)
	e.opensNobody()
	e.provesKept(kept)
}

// kept returns the id of the one person who was not erased.
func (e *env) kept() string {
	e.t.Helper()
	c := e.core()
	defer c.store.Close()
	for st, err := range c.service.Website.Export(e.t.Context(), "gazette") {
		e.must(err)
		if st.Email == "kept@people.test" {
			return st.ID
		}
	}
	e.t.Fatal("who was not erased is gone")
	return ""
}

// sealedRecords returns the ends of all sealed records, which occur once each, by the ids of their subscriptions.
func (e *env) sealedRecords() map[string][]byte {
	e.t.Helper()
	all := map[string][]byte{}
	st := e.core().store
	defer st.Close() // the last one to close the file completes it
	for q := (store.Query{Site: "gazette", Limit: 1000}); ; {
		page, err := st.List(e.t.Context(), q)
		e.must(err)
		for _, r := range page.Records {
			all[r.Key.ID] = r.Data[len(r.Data)-16:]
		}
		if q.Before = page.Next; q.Before == (store.Cursor{}) {
			return all
		}
	}
}

// findsNothing searches the raw bytes of files for people, and for what could be opened with the secret.
func (e *env) findsNothing(folder string, sealed map[string][]byte) {
	e.t.Helper()
	left, files := map[string][]string{}, 0
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		files++
		if bytes.Contains(bytes.ToLower(b), []byte(erasedName)) {
			e.t.Errorf("%s names somebody who was erased", name)
		}
		for id, s := range sealed {
			if at := bytes.Index(b, s); at >= 0 {
				left[d.Name()] = append(left[d.Name()], fmt.Sprintf("%s at %d", id, at))
			}
		}
		return nil
	})
	e.must(err)
	for name, records := range left {
		if len(records) > 1 { // that of the person who was not erased
			e.t.Errorf("%s has sealed records from before the erasures: %v", name, records)
		}
	}
	if files == 0 {
		e.t.Errorf("%s is empty", folder)
	}
}

// opensNobody opens all that is in the store and the log with the secret.
func (e *env) opensNobody() {
	e.t.Helper()
	c, ctx, seen := e.core(), e.t.Context(), 0
	defer c.store.Close()
	look := func(what string, plain []byte) {
		seen++
		if bytes.Contains(bytes.ToLower(plain), []byte(erasedName)) {
			e.t.Errorf("%s names somebody who was erased: %s", what, plain)
		}
	}
	for st, err := range c.service.Website.Export(ctx, "gazette") {
		e.must(err)
		look("a record", []byte(fmt.Sprintf("%+v", st)))
	}
	queues := append(confirm.EmailQueues(), confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent)
	queues = append(queues, confirm.QueueSignature, confirm.QueueLog)
	for _, site := range c.service.Sites() {
		queues = append(queues, site.EventQueues...)
	}
	for _, queue := range queues {
		_, err := c.store.RunNow(ctx, queue, 10_000)
		e.must(err)
		e.openJobs(c, queue, look)
	}
	log, err := openLog(c.cfg, c.ring)
	e.must(err)
	e.must(log.Each(func(o consentlog.Opened) error {
		look("the log", append(o.Record, o.Rest...))
		return nil
	}))
	if seen < 10 {
		e.t.Errorf("only %d things were opened", seen)
	}
}

// openJobs opens what waits in a queue, whenever it is due.
func (e *env) openJobs(c *core, queue store.QueueName, look func(string, []byte)) {
	e.t.Helper()
	for {
		jobs, err := c.store.Lease(context.WithoutCancel(e.t.Context()), queue, 100, time.Minute)
		e.must(err)
		for _, job := range jobs {
			plain, err := c.ring.Open(job.Key.Site+"/"+job.Key.ID, job.Body)
			e.must(err)
			look("a job of "+string(queue), plain)
		}
		if len(jobs) == 0 {
			return
		}
	}
}

// provesKept verifies the whole log, and every proof about one person.
func (e *env) provesKept(id string) {
	e.t.Helper()
	c := e.core()
	log, err := openLog(c.cfg, c.ring)
	e.must(err)
	if _, err := consentlog.Verify(log.Dir(), log.PublicKey(), nil, nil); err != nil {
		e.t.Errorf("the log does not verify: %v", err)
	}
	who, err := personOf(id)
	e.must(err)
	all, err := log.Of(who)
	e.must(err)
	for _, o := range all {
		proof, err := log.Prove(o.Index)
		e.must(err)
		if _, _, err := consentlog.VerifyProof(proof, log.PublicKey(), o.Salt, o.Record); err != nil {
			e.t.Errorf("the proof of leaf %d is broken: %v", o.Index, err)
		}
	}
	if len(all) == 0 {
		e.t.Error("there is no leaf about the person who was not erased")
	}
}
