package main

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// Whether a domain's name server was asked a moment ago is not to be seen by the time that an answer takes: it would
// tell a stranger that somebody of the domain has just signed up.
func TestASlowNameServerDoesNotTellWhoWasThere(t *testing.T) {
	null := []*net.MX{{Host: "."}}
	for name, row := range map[string]struct {
		takes time.Duration
		mx    []*net.MX
		err   error
		want  bool
	}{
		"quick":          {2 * time.Millisecond, []*net.MX{{Host: "mx.example."}}, nil, false},
		"slow":           {140 * time.Millisecond, []*net.MX{{Host: "mx.example."}}, nil, false},
		"slow, null MX":  {140 * time.Millisecond, null, nil, true},
		"slow, no MX":    {140 * time.Millisecond, nil, errors.New("no such host"), false},
		"never answers":  {time.Hour, null, nil, false},
		"only just late": {301 * time.Millisecond, null, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				n := newNullMX()
				n.lookup = func(ctx context.Context, _ string) ([]*net.MX, error) {
					asked++
					select {
					case <-time.After(row.takes):
						return row.mx, row.err
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				}
				took := func() time.Duration {
					begun := time.Now()
					if got := n.undeliverable(t.Context(), "people.test"); got != row.want {
						t.Errorf("undeliverable: %v", got)
					}
					return time.Since(begun)
				}
				first := took()
				for range 3 {
					if again := took(); again != first {
						t.Errorf("the first takes %v, another %v", first, again)
					}
				}
				if asked != 1 {
					t.Errorf("the name server was asked %d times", asked)
				}
				time.Sleep(nullMXCacheFor)
				if late := took(); late != first || asked != 2 {
					t.Errorf("later it takes %v, asked %d times", late, asked)
				}
			})
		})
	}
}

// zone is what DNS says of domains.
type zone struct {
	mx   map[string][]*net.MX
	host map[string]bool
	slow bool
}

func (z zone) LookupMX(ctx context.Context, domain string) ([]*net.MX, error) {
	if z.slow {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if mx := z.mx[domain]; mx != nil {
		return mx, nil
	}
	return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
}

func (z zone) LookupHost(_ context.Context, domain string) ([]string, error) {
	if z.host[domain] {
		return []string{"192.0.2.1"}, nil
	}
	if domain == "broken.example." {
		return nil, &net.DNSError{Err: "server misbehaving", IsTemporary: true}
	}
	return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
}

func TestADomainTakesNoMailOnlyIfDNSSaysSo(t *testing.T) {
	dns := zone{
		mx: map[string][]*net.MX{
			"mail.example.": {{Host: "mx.example."}}, "null.example.": {{Host: "."}},
			"two.example.": {{Host: "."}, {Host: "mx.example."}},
		},
		host: map[string]bool{"web.example.": true},
	}
	for domain, want := range map[string]bool{
		"mail.example": false, "null.example": true, "two.example": false,
		"web.example":    false, // mail goes to its address
		"nobody.example": true, "broken.example": false,
	} {
		if got := takesNoMail(dns, time.Second)(t.Context(), domain); got != want {
			t.Errorf("%s takes no mail: %t, want %t", domain, got, want)
		}
	}
	if takesNoMail(zone{slow: true}, time.Millisecond)(t.Context(), "nobody.example") {
		t.Error("without an answer the domain counts as taking no mail")
	}
}
