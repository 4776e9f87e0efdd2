package confirm_test

import (
	"time"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/address"
	"github.com/optin/optin/store"
)

var (
	start = time.Date(2026, 11, 21, 18, 2, 11, 402e6, time.UTC)
	terms = consent.Terms{TTL: 48 * time.Hour, EmailsPerAddress: []store.Limit{{N: 1, Per: 10 * time.Minute}, {N: 3, Per: 24 * time.Hour}}}
)

func mustParse(s string) address.Address {
	a, err := address.Parse(s)
	if err != nil {
		panic(err)
	}
	return a
}

// reminded are terms with a reminder.
func reminded() consent.Terms {
	t := terms
	t.RemindAfter = 24 * time.Hour
	return t
}
