package confirm_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/store"
)

func TestTheEmailsToADomainShareAQueueAndDomainsSpread(t *testing.T) {
	env := newEnv(t)
	for i := range 40 {
		env.signUp(fmt.Sprintf("p%d@slow.example", i), "letter")
	}
	slow := map[store.QueueName]int{}
	for _, job := range env.emails(40) {
		slow[job.Queue]++
	}
	if len(slow) != 1 {
		t.Errorf("one domain is in %d queues", len(slow))
	}
	for i := range 100 {
		env.signUp(fmt.Sprintf("ada@domain%d.example", i), "letter")
	}
	all := map[store.QueueName]int{}
	for _, job := range env.emails(100) {
		all[job.Queue]++
	}
	if len(all) < 12 { // 16 queues, 100 domains: fewer than this once in a million
		t.Errorf("100 domains are in %d queues", len(all))
	}
}

func TestEveryEmailQueueHasAValidNameOfItsOwn(t *testing.T) {
	seen := map[store.QueueName]bool{
		confirm.QueueEmailRetry: true, confirm.QueueEmailMaybeSent: true, store.TimerQueue: true,
	}
	queues := confirm.EmailQueues()
	for _, queue := range queues {
		change := store.Change{Erase: true, Enqueue: []store.Job{{ID: "x", Queue: queue, Due: time.Now()}}}
		if err := change.Check(store.Key{}); err != nil || seen[queue] {
			t.Errorf("%s: %v, seen %t", queue, err, seen[queue])
		}
		seen[queue] = true
	}
	if len(queues) != 16 || queues[0] != "email/0" || queues[15] != "email/f" {
		t.Errorf("the queues are %v", queues)
	}
}
