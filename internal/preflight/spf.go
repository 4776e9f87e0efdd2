package preflight

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"blitiri.com.ar/go/spf"
)

// spf looks at the record of a domain that return paths are of, and then whether it lets the relays send.
func (c *checker) spf(ctx context.Context, d domain) []Finding {
	f := Finding{Level: Wrong, Check: "SPF", About: d.name, Sites: d.sites}
	txts, err := c.dns.LookupTXT(ctx, d.name)
	if err != nil && !absent(err) {
		return []Finding{silent("SPF", d.name, d.sites, "the SPF record of "+d.name, err)}
	}
	records := spfRecords(txts)
	relays := c.relayAddrs(ctx)
	switch len(records) {
	case 0:
		f.What = fmt.Sprintf("%s has no SPF record, so receivers cannot tell your relay from a stranger's. Large ones refuse such letters or "+
			"put them among spam.", d.name)
		f.Fix = relays.fix(d.name, spfRecord{"-all"}, relays.public)
		return []Finding{f}
	case 1:
	default:
		f.What = fmt.Sprintf("%s has %d SPF records, and receivers take more than one for a broken one.", d.name, len(records))
		f.Fix = append([]string{"Delete them all, and put this one in their place:"},
			relays.fix(d.name, joined(records), relays.public)...)
		return []Finding{f}
	}
	record := splitSPF(records[0])
	if odd := record.odd(); len(odd) > 0 {
		f.What = fmt.Sprintf("The SPF record of %s holds %s, which SPF does not know there, and receivers take the whole record for broken.",
			d.name, quoted(odd))
		f.Fix = []string{
			"Write rightly what was meant by " + quoted(odd) + ", such as ip4:192.0.2.7 or include:relay.example. Without it the record is:",
			txtLine(d.name, record.without(odd).String()),
		}
		return []Finding{f}
	}
	f, record = c.spfSound(ctx, f, record)
	if f.Level != OK && f.Level != Warning {
		return []Finding{f}
	}
	return append([]Finding{f}, c.spfRelays(ctx, d, record, relays)...)
}

const (
	spfLookups = 10 // RFC 7208, section 4.6.4
	spfVoid    = 2
	spfGiveUp  = 50 // lookups that are counted, lest two records that include each other be followed for ever
)

// stranger is an address that nobody sends from: what SPF says of it is what it says of everybody.
var stranger = netip.IPv4Unspecified()

// spfSound evaluates a record to its end, as for an address that it does not name, and says what receivers stumble over. The
// record that it returns is the one that its fix puts in place, if it is a whole one.
func (c *checker) spfSound(ctx context.Context, f Finding, record spfRecord) (Finding, spfRecord) {
	result, cost, err := spf.None, 0, error(nil)
	for ; cost <= spfGiveUp; cost++ { // every question is asked once only, so this counts what was heard
		result, err = c.evaluate(ctx, f.About, stranger, cost)
		if !errors.Is(err, spf.ErrLookupLimitReached) {
			break
		}
	}
	its := "The SPF record of " + f.About
	if result == spf.TempError {
		return silent("SPF", f.About, f.Sites, "what "+lower(its)+" refers to", err), record
	}
	for _, trouble := range []func(*Finding, *spfRecord, spf.Result, int, error) bool{tooManyLookups, leadsNowhere, letsAllIn} {
		if trouble(&f, &record, result, cost, err) {
			f.What = its + " " + f.What
			return f, record
		}
	}
	f.Level, f.Fix = OK, nil
	f.What = fmt.Sprintf("%s is in order. It needs %d of the %d lookups that receivers make.", its, cost, spfLookups)
	return f, record
}

func tooManyLookups(f *Finding, _ *spfRecord, _ spf.Result, cost int, _ error) bool {
	if cost <= spfLookups {
		return false
	}
	many := fmt.Sprint(cost)
	if cost > spfGiveUp {
		many = fmt.Sprintf("more than %d", spfGiveUp)
	}
	f.What = fmt.Sprintf("makes receivers ask DNS %s times. They stop at %d and take it for broken.", many, spfLookups)
	f.Fix = []string{"Take out the include:, a and mx of services that send no mail for " + f.About + " any more, and write hosts of yours as " +
		"ip4: or ip6:, which need no lookup."}
	return true
}

// leadsNowhere tells of parts that cannot be evaluated. Where a name is made from the sender's address, they may well be for another.
func leadsNowhere(f *Finding, record *spfRecord, result spf.Result, _ int, err error) bool {
	if result != spf.PermError {
		return false
	}
	if strings.Contains(record.String(), "%{") {
		f.Level = Warning
	}
	f.Fix = []string{"Look at each include: and redirect= of it, and take out or correct the one that is meant: " +
		quoted([]string{record.String()})}
	switch {
	case errors.Is(err, spf.ErrVoidLookupLimitReached):
		f.Level = Warning
		f.What = fmt.Sprintf("names more than %d hosts that DNS does not know, and strict receivers take it for broken then.", spfVoid)
		f.Fix = []string{"Take out the a:, mx: and exists: of hosts that are gone: " + quoted([]string{record.String()})}
	case errors.Is(err, spf.ErrNoResult):
		f.What = "refers by include: or redirect= to a domain that has no SPF record. Receivers take it for broken."
	case errors.Is(err, spf.ErrMultipleRecords):
		f.What = "refers by include: or redirect= to a domain that has more than one SPF record. Receivers take it for broken."
	default:
		f.What = fmt.Sprintf("cannot be evaluated to its end (%v). Receivers take it for broken.", err)
	}
	return true
}

func letsAllIn(f *Finding, record *spfRecord, result spf.Result, _ int, _ error) bool {
	switch result {
	case spf.Pass:
		*record = record.ending("~all")
		f.What = "lets every address in the world send in its name. Such a record protects nobody, and receivers trust it less than none."
		f.Fix = []string{
			"Let it end with ~all, and name those who send. If one of its include: lets all in, take that out too:",
			txtLine(f.About, record.String()),
		}
	case spf.Neutral, spf.None:
		*record = record.ending("~all")
		f.Level = Warning
		f.What = "says nothing of addresses that it does not name, so that it stops nobody who forges letters. It should end with ~all or -all."
		f.Fix = []string{txtLine(f.About, record.String())}
	default:
		return false
	}
	return true
}

// evaluate is what a receiver makes of a letter from addr, with at most so many lookups.
func (c *checker) evaluate(ctx context.Context, domain string, addr netip.Addr, lookups int) (spf.Result, error) {
	return spf.CheckHostWithSender(addr.AsSlice(), c.helo(), "bounces@"+domain, spf.WithContext(ctx), spf.WithResolver(c.dns),
		spf.OverrideLookupLimit(uint(lookups)))
}

func quoted(items []string) string {
	marked := make([]string, len(items))
	for i, s := range items {
		marked[i] = "“" + s + "”"
	}
	return listed(marked)
}

func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }
