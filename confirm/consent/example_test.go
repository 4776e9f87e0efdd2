package consent_test

import (
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
	confirm := consent.Confirm{
		Request:  "request-1",
		Evidence: consent.Evidence{At: start.Add(5 * time.Minute), How: consent.ByLink},
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
		{"the same signup again", signup, start.Add(time.Minute)},
		{"confirm", confirm, confirm.Evidence.At},
		{"the same confirmation again", confirm, confirm.Evidence.At.Add(time.Hour)},
		{"withdraw", withdraw, withdraw.Evidence.At},
	} {
		after, jobs, changed, err := consent.Apply(known, step.action, step.at)
		if err != nil {
			fmt.Println(step.name, err)
			return
		}
		known = after
		fmt.Printf("%s: %s, changed: %t\n", step.name, known.State(step.at), changed)
		for _, job := range jobs {
			if job.Event == "" {
				fmt.Println("  job", job.Type)
			} else {
				fmt.Println("  job", job.Type, job.Event)
			}
		}
	}
	_, _, _, err = consent.Apply(known, confirm, withdraw.Evidence.At.Add(time.Minute))
	fmt.Println("the link, after that:", err)

	// Output:
	// signup: pending, changed: true
	//   job confirm
	//   job clock
	// the same signup again: pending, changed: false
	// confirm: confirmed, changed: true
	//   job tell subscription.confirmed
	// the same confirmation again: confirmed, changed: false
	// withdraw: withdrawn, changed: true
	//   job tell subscription.withdrawn
	// the link, after that: consent: this consent was taken back
}
