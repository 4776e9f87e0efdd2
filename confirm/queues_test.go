package confirm_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
)

func TestOneDomainsLettersShareALaneAndDomainsSpread(t *testing.T) {
	env := newEnv(t)
	for i := range 40 {
		env.signUp(fmt.Sprintf("p%d@slow.example", i), "letter")
	}
	slow := map[store.QueueName]int{}
	for _, e := range env.emails(40) {
		slow[e.Queue]++
	}
	if len(slow) != 1 {
		t.Errorf("one domain is in %d lanes", len(slow))
	}
	for i := range 100 {
		env.signUp(fmt.Sprintf("ada@env%d.example", i), "letter")
	}
	all := map[store.QueueName]int{}
	for _, e := range env.emails(100) {
		all[e.Queue]++
	}
	if len(all) < 12 { // 16 lanes, 100 domains: fewer than this once in a million
		t.Errorf("100 domains are in %d lanes", len(all))
	}
}

func TestALaneIsANameThatAStoreTakesAndNoneOfTheOthers(t *testing.T) {
	seen := map[store.QueueName]bool{confirm.QueueEmailRetry: true, confirm.QueueEmailMaybeSent: true, confirm.QueueExpire: true}
	kinds := confirm.EmailQueues()
	for _, k := range kinds {
		change := store.Change{Erase: true, Enqueue: []store.Job{{ID: "x", Queue: k, Due: time.Now()}}}
		if err := change.Check(store.Key{}); err != nil || seen[k] {
			t.Errorf("%s: %v, seen %t", k, err, seen[k])
		}
		seen[k] = true
	}
	if len(kinds) != 16 || kinds[0] != "email/0" || kinds[15] != "email/f" {
		t.Errorf("the lanes are %v", kinds)
	}
}
