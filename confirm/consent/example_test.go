package consent_test

import (
	"cmp"
	"fmt"
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

// Someone signs up, confirms by the link in the email, and withdraws a month later. Apply keeps nothing: each call gets
// what the one before returned, as a store would hand it over.
func ExampleApply() {
	ada, err := address.Parse("ada@example.org")
	if err != nil {
		fmt.Println(err)
		return
	}
	start := time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)
	signup := consent.Signup{
		ID: "request-1", Address: ada, Site: "gazette", Locale: "en",
		Statements: []consent.Statement{{Purpose: "letter", SHA256: "5f1e0c4d"}},
		Evidence:   consent.Evidence{At: start, How: consent.ByForm},
		Terms: consent.Terms{
			TTL:              48 * time.Hour,
			EmailsPerAddress: []store.Limit{{N: 1, Per: 10 * time.Minute}},
		},
	}
	repeated := signup
	repeated.ID = "request-2"
	confirm := consent.Confirm{
		RequestID: "request-1",
		Evidence:  consent.Evidence{At: start.Add(5 * time.Minute), How: consent.ByLink},
	}
	withdraw := consent.Withdraw{
		Evidence: consent.Evidence{At: start.Add(30 * 24 * time.Hour), How: consent.ByOneClick},
	}

	var known consent.Subscription // nothing yet
	for _, step := range []struct {
		name   string
		action consent.Action
		at     time.Time
	}{
		{"signup", signup, start},
		{"somebody signs her up again", repeated, start.Add(time.Minute)},
		{"confirm", confirm, confirm.Evidence.At},
		{"the same confirmation again", confirm, confirm.Evidence.At.Add(time.Hour)},
		{"withdraw", withdraw, withdraw.Evidence.At},
	} {
		change, err := consent.Apply(known, step.action, step.at)
		if err != nil {
			fmt.Println(step.name, err)
			return
		}
		known = change.Subscription
		fmt.Printf("%s: %s, changed: %t\n", step.name, known.State(step.at), change.Changed)
		for _, job := range change.Jobs {
			fmt.Println("  job, to send:", cmp.Or(known.EmailDue(job.RequestID, step.at), "nothing"))
		}
		for _, event := range change.Events {
			fmt.Println("  event", event)
		}
	}
	_, err = consent.Apply(known, confirm, withdraw.Evidence.At.Add(time.Minute))
	fmt.Println("the link, after that:", err)

	// Output:
	// signup: pending, changed: true
	//   job, to send: confirm
	// somebody signs her up again: pending, changed: true
	//   job, to send: nothing
	// confirm: confirmed, changed: true
	//   event subscription.confirmed
	// the same confirmation again: confirmed, changed: false
	// withdraw: withdrawn, changed: true
	//   event subscription.withdrawn
	// the link, after that: consent: this consent was withdrawn
}
