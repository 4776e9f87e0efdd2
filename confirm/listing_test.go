package confirm_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
)

// pages lists page by page, calls between after each but the last, and returns the addresses.
func (env *env) pages(l confirm.Listing, between func()) (all []string) {
	env.t.Helper()
	for {
		part, err := env.Website.List(env.t.Context(), "gazette", l)
		if err != nil || len(part.All) > l.Limit {
			env.t.Fatalf("%d of %d, %v", len(part.All), l.Limit, err)
		}
		for _, st := range part.All {
			all = append(all, st.Email)
		}
		if l.Cursor = part.Next; l.Cursor == "" {
			return all
		}
		between()
	}
}

func TestListingsAreNewestFirstAndPagesDoNotShift(t *testing.T) {
	env := newEnv(t)
	var want []string
	for i := range 10 {
		email := fmt.Sprintf("p%d@example.org", i)
		env.signUp(email, []string{"letter", "offers"}[i%2])
		if message := env.email(); i%3 == 0 {
			_, _ = env.confirm(tokenOf(message.Confirm))
		}
		want = append([]string{email}, want...)
		env.later(time.Minute)
	}
	pick := func(which func(i int) bool) (some []string) {
		for i := 9; i >= 0; i-- {
			if which(i) {
				some = append(some, want[9-i])
			}
		}
		return some
	}
	for name, row := range map[string]struct {
		l    confirm.Listing
		want []string
	}{
		"all": {confirm.Listing{}, want},
		"confirmed": {
			confirm.Listing{State: consent.Confirmed},
			pick(func(i int) bool { return i%3 == 0 }),
		},
		"pending":      {confirm.Listing{State: consent.Pending}, pick(func(i int) bool { return i%3 != 0 })},
		"of a purpose": {confirm.Listing{Purpose: "offers"}, pick(func(i int) bool { return i%2 == 1 })},
		"confirmed for it": {
			confirm.Listing{Purpose: "offers", State: consent.Confirmed},
			pick(func(i int) bool { return i%2 == 1 && i%3 == 0 }),
		},
		"pending for it": {
			confirm.Listing{Purpose: "offers", State: consent.Pending},
			pick(func(i int) bool { return i%2 == 1 && i%3 != 0 }),
		},
		"withdrawn": {confirm.Listing{State: consent.Withdrawn}, nil},
		"since then": {
			confirm.Listing{From: start.Add(6 * time.Minute)},
			pick(func(i int) bool { return i >= 6 }),
		},
		"before then": {
			confirm.Listing{To: start.Add(6 * time.Minute)},
			pick(func(i int) bool { return i < 6 }),
		},
		"between, of a purpose": {
			confirm.Listing{From: start.Add(2 * time.Minute), To: start.Add(6 * time.Minute), Purpose: "letter"},
			pick(func(i int) bool { return i == 2 || i == 4 }),
		},
	} {
		for _, limit := range []int{1, 2, 3, 100} {
			row.l.Limit = limit
			if got := env.pages(row.l, func() {}); !slices.Equal(got, row.want) {
				t.Errorf("%s by %d: %v, want %v", name, limit, got, row.want)
			}
		}
	}
	n := 0
	signUpMore := func() {
		n++
		env.signUp(fmt.Sprintf("late%d@example.org", n), "letter")
	}
	if got := env.pages(confirm.Listing{Limit: 3}, signUpMore); !slices.Equal(got, want) {
		t.Errorf("with newer ones coming in: %v", got)
	}
	exported := []string{}
	for st, err := range env.Website.Export(t.Context(), "gazette") {
		if err != nil {
			t.Fatal(err)
		}
		exported = append(exported, st.Email)
	}
	if !slices.Equal(exported[n:], want) {
		t.Errorf("exported %v", exported)
	}
}

func TestACursorOpensOnlyItsOwnListing(t *testing.T) {
	env := newEnv(t)
	for i := range 3 {
		env.signUp(fmt.Sprintf("p%d@example.org", i), "letter")
		env.later(time.Minute)
	}
	l := confirm.Listing{Limit: 1}
	part, err := env.Website.List(t.Context(), "gazette", l)
	if err != nil || part.Next == "" {
		t.Fatal(part, err)
	}
	refused := func(name, site string, l confirm.Listing) {
		t.Helper()
		if got, err := env.Website.List(t.Context(), site, l); !errors.Is(err, confirm.ErrCursor) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	l.Cursor = part.Next
	for name, other := range map[string]confirm.Listing{
		"of another state":   {State: consent.Pending},
		"of another purpose": {Purpose: "letter"},
		"of another time":    {From: start},
		"until another time": {To: start},
	} {
		other.Limit, other.Cursor = 1, part.Next
		refused(name, "gazette", other)
	}
	refused("of another site", "club", l)
	raw, _ := base64.RawURLEncoding.DecodeString(part.Next)
	for i := range len(raw) * 8 {
		flipped := slices.Clone(raw)
		flipped[i/8] ^= 1 << (i % 8)
		l.Cursor = base64.RawURLEncoding.EncodeToString(flipped)
		refused(fmt.Sprint("bit ", i), "gazette", l)
	}
	for _, c := range []string{
		"x", part.Next + "A", part.Next + "=", part.Next + "\n", part.Next[1:],
		part.Next[:10] + "\r\n" + part.Next[10:], "' OR 1=1 --",
	} {
		l.Cursor = c
		refused(fmt.Sprintf("%q", c), "gazette", l)
	}
	l.Cursor, l.Limit = part.Next, 2
	if next, err := env.Website.List(t.Context(), "gazette", l); err != nil || len(next.All) != 2 || next.Next != "" {
		t.Errorf("the same with another limit: %+v, %v", next, err)
	}
}
