package web

import (
	"net/netip"
	"testing"
)

func TestABucketNamesNobody(t *testing.T) {
	w := newEnv(t)
	a := netip.MustParseAddr("2001:db8:0:1::7")
	st := w.web.sites["gazette"]
	bucket := func(st *site, a netip.Addr) string { return w.web.limits.of(st, a)[0].bucket }
	if bucket(st, a) != bucket(st, netip.MustParseAddr("2001:db8:0:1:8000::9")) {
		t.Error("two addresses of one network have two buckets")
	}
	seen := map[string]bool{}
	for _, who := range []string{"2001:db8:0:1::7", "2001:db8:0:2::7", "203.0.113.7", "203.0.113.8"} {
		for _, site := range []string{"gazette", "club"} {
			b := bucket(w.web.sites[site], netip.MustParseAddr(who))
			if seen[b] || len(b) > 128 {
				t.Errorf("%s at %s: bucket %s", who, site, b)
			}
			seen[b] = true
		}
	}
	if bucket(st, netip.Addr{}) == bucket(st, a) {
		t.Error("an unknown peer shares a bucket")
	}
}
