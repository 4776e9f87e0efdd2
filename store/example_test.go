package store_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/optin/optin/store"
	"github.com/optin/optin/store/sqlite"
)

// A signup commits the record, the job that it makes necessary, and a count, all of it or none of it. A worker then
// ends the job together with what came of it.
func ExampleRecords_Update() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "optin")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	s, err := sqlite.Open(ctx, sqlite.Options{
		Path: filepath.Join(folder, "optin.db"), Durability: store.DurabilityNone,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	errKnown := errors.New("already signed up")
	key := store.Key{Site: "gazette", ID: "Zk3vY2mSxQ0aLr8tWn5pBg"}
	at := time.Date(2026, 11, 30, 18, 5, 0, 0, time.UTC)
	signUp := func(r store.Record) (store.Change, error) {
		if r.Exists() {
			return store.Change{}, errKnown
		}
		return store.Change{
			Put:     &store.Record{State: "pending", Created: time.Now(), Data: []byte("sealed")},
			Enqueue: []store.Job{{ID: "welcome-1", Queue: "email"}},
			Count:   []store.Count{{At: at, Name: "signup", N: 1}},
		}, nil
	}
	fmt.Println("first:", s.Update(ctx, key, signUp))
	fmt.Println("second:", s.Update(ctx, key, signUp))

	jobs, err := s.Lease(ctx, "email", 1, time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	for _, job := range jobs {
		err := s.Update(ctx, job.Key, func(r store.Record) (store.Change, error) {
			r.State = "sent"
			return store.Change{Put: &r, End: &store.JobEnd{Job: job, Outcome: store.Complete()}}, nil
		})
		fmt.Println(job.ID, "ended:", err)
	}
	r, err := s.Find(ctx, key)
	fmt.Println(r.State, err)
	counts, err := s.Counts(ctx, "gazette", store.ByDay, at, at)
	fmt.Println(counts, err)

	// Output:
	// first: <nil>
	// second: already signed up
	// welcome-1 ended: <nil>
	// sent <nil>
	// [{2026-11-30 00:00:00 +0000 UTC signup   1}] <nil>
}

// A message takes one from the bucket of its site and one from that of its mailbox, or none from either.
func ExampleLimits_Acquire() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "optin")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	s, err := sqlite.Open(ctx, sqlite.Options{
		Path: filepath.Join(folder, "optin.db"), Durability: store.DurabilityNone,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	site := store.Bucket{Name: "site/gazette", Limits: []store.Limit{{N: 100, Per: time.Hour}}}
	mailbox := store.Bucket{
		Name:   "mailbox/q8Xc",
		Limits: []store.Limit{{N: 1, Per: 10 * time.Minute}, {N: 5, Per: 24 * time.Hour}},
	}
	for _, job := range []string{"welcome-1", "welcome-1", "welcome-2"} { // the first is tried twice, and counted once
		waits, err := s.Acquire(ctx, job, site, mailbox)
		if err != nil {
			log.Fatal(err)
		}
		if waits == nil {
			fmt.Println(job, "may go")
		} else {
			fmt.Println(job, "waits", waits[0], "for the site and", waits[1].Round(time.Minute), "for the mailbox")
		}
	}

	// Output:
	// welcome-1 may go
	// welcome-1 may go
	// welcome-2 waits 0s for the site and 10m0s for the mailbox
}
