package preflight

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"sort"
	"strings"

	"blitiri.com.ar/go/spf"
)

// spf checks the record of a domain of return paths, and whether it allows the relays to send.
func (c *checker) spf(ctx context.Context, d domain) []Finding {
	f := Finding{Level: Wrong, Check: "SPF", About: d.name, Sites: d.sites}
	txts, err := c.dns.LookupTXT(ctx, d.name)
	if err != nil && !notFound(err) {
		return []Finding{noAnswer("SPF", d.name, d.sites, "the SPF record of "+d.name, err)}
	}
	records := spfRecords(txts)
	relays := c.relayAddrs(ctx)
	switch len(records) {
	case 0:
		f.What = fmt.Sprintf("%s has no SPF record, so receivers cannot tell your relay from anybody else's. "+
			"Large receivers reject such emails or treat them as spam.", d.name)
		f.Fix = relays.fix(d.name, spfRecord{"-all"}, relays.public)
		return []Finding{f}
	case 1:
	default:
		f.What = fmt.Sprintf("%s has %d SPF records. Receivers treat more than one as an error.", d.name, len(records))
		f.Fix = append([]string{"Replace them all with this one:"},
			relays.fix(d.name, joined(records), relays.public)...)
		return []Finding{f}
	}
	record := splitSPF(records[0])
	if invalid := record.invalid(); len(invalid) > 0 {
		f.What = fmt.Sprintf("The SPF record of %s contains %s, which is invalid there. "+
			"Receivers treat the whole record as an error.", d.name, quoted(invalid))
		f.Fix = []string{
			"Correct " + quoted(invalid) +
				", for example to ip4:192.0.2.7 or include:relay.example. Without it the record is:",
			txtLine(d.name, record.without(invalid).String()),
		}
		return []Finding{f}
	}
	f, record = c.spfValid(ctx, f, record)
	if f.Level != OK && f.Level != Warn {
		return []Finding{f}
	}
	return append([]Finding{f}, c.spfRelays(ctx, d, record, relays)...)
}

const (
	spfLookups    = 10 // RFC 7208, section 4.6.4
	spfVoid       = 2
	spfMaxCounted = 50 // the most lookups that are counted, because two records may include each other
)

// unlisted is an address that nobody sends from: SPF's result for it is that for any unlisted address.
var unlisted = netip.IPv4Unspecified()

// spfValid evaluates the whole record, as for an unlisted address, and reports what receivers reject. It returns the
// record that its fix proposes, if that is a complete one.
func (c *checker) spfValid(ctx context.Context, f Finding, record spfRecord) (Finding, spfRecord) {
	result, cost, err := spf.None, 0, error(nil)
	for ; cost <= spfMaxCounted; cost++ { // every question is asked only once, so this counts the answers
		result, err = c.evaluate(ctx, f.About, unlisted, cost)
		if !errors.Is(err, spf.ErrLookupLimitReached) {
			break
		}
	}
	its := "The SPF record of " + f.About
	if result == spf.TempError {
		return noAnswer("SPF", f.About, f.Sites, "what "+lower(its)+" refers to", err), record
	}
	type check func(*Finding, *spfRecord, spf.Result, int, error) bool
	for _, problem := range []check{tooManyLookups, cannotEvaluate, allowsEveryone} {
		if problem(&f, &record, result, cost, err) {
			f.What = its + " " + f.What
			return f, record
		}
	}
	f.Level, f.Fix = OK, nil
	f.What = fmt.Sprintf("%s is valid. It needs %d of the %d lookups that receivers allow.", its, cost, spfLookups)
	return f, record
}

func tooManyLookups(f *Finding, _ *spfRecord, _ spf.Result, cost int, _ error) bool {
	if cost <= spfLookups {
		return false
	}
	many := fmt.Sprint(cost)
	if cost > spfMaxCounted {
		many = fmt.Sprintf("more than %d", spfMaxCounted)
	}
	f.What = fmt.Sprintf("needs %s DNS lookups. Receivers allow %d and treat more as an error.", many, spfLookups)
	f.Fix = []string{"Remove the include:, a and mx of services that no longer send mail for " + f.About +
		", and list your own hosts as ip4: or ip6:, which need no lookup."}
	return true
}

// cannotEvaluate reports parts that cannot be evaluated. If a macro makes a name from the sender's address, they may
// well be valid for another address, so that is a warning.
func cannotEvaluate(f *Finding, record *spfRecord, result spf.Result, _ int, err error) bool {
	if result != spf.PermError {
		return false
	}
	if strings.Contains(record.String(), "%{") {
		f.Level = Warn
	}
	f.Fix = []string{"Check each include: and redirect= of it, and remove or correct the one that fails: " +
		quoted([]string{record.String()})}
	switch {
	case errors.Is(err, spf.ErrVoidLookupLimitReached):
		f.Level = Warn
		f.What = fmt.Sprintf("names more than %d hosts that do not exist in DNS, which strict receivers treat as an "+
			"error.", spfVoid)
		f.Fix = []string{"Remove the a:, mx: and exists: of hosts that no longer exist: " +
			quoted([]string{record.String()})}
	case errors.Is(err, spf.ErrNoResult):
		f.What = "refers by include: or redirect= to a domain that has no SPF record. Receivers treat it as an error."
	case errors.Is(err, spf.ErrMultipleRecords):
		f.What = "refers by include: or redirect= to a domain that has more than one SPF record. Receivers treat it " +
			"as an error."
	default:
		f.What = fmt.Sprintf("cannot be evaluated (%v). Receivers treat it as an error.", err)
	}
	return true
}

func allowsEveryone(f *Finding, record *spfRecord, result spf.Result, _ int, _ error) bool {
	switch result {
	case spf.Pass:
		*record = record.ending("~all")
		f.What = "allows every address in the world to send in its name. It protects nobody, and receivers trust it " +
			"less than no record."
		f.Fix = []string{
			"End it with ~all, and list who sends. If one of its include: allows everybody, remove that too:",
			txtLine(f.About, record.String()),
		}
	case spf.Neutral, spf.None:
		*record = record.ending("~all")
		f.Level = Warn
		f.What = "says nothing about unlisted addresses, so it stops nobody from forging emails. It should end with " +
			"~all or -all."
		f.Fix = []string{txtLine(f.About, record.String())}
	default:
		return false
	}
	return true
}

// evaluate returns a receiver's result for an email from addr, with at most so many lookups.
func (c *checker) evaluate(ctx context.Context, domain string, addr netip.Addr, lookups int) (spf.Result, error) {
	return spf.CheckHostWithSender(addr.AsSlice(), c.helo(), "bounces@"+domain,
		spf.WithContext(ctx), spf.WithResolver(c.dns), spf.OverrideLookupLimit(uint(lookups)))
}

func quoted(items []string) string {
	marked := make([]string, len(items))
	for i, s := range items {
		marked[i] = "“" + s + "”"
	}
	return joinWords(marked)
}

func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// spfRecord holds the terms of an SPF record, without its version.
type spfRecord []string

// spfRecords returns the SPF records among the TXT records of a name (RFC 7208, section 4.5).
func spfRecords(txts []string) (all []string) {
	for _, txt := range txts {
		if version, _, _ := strings.Cut(txt, " "); strings.EqualFold(version, "v=spf1") {
			all = append(all, txt)
		}
	}
	return all
}

func splitSPF(txt string) spfRecord { return strings.Fields(txt)[1:] }

func (r spfRecord) String() string { return strings.Join(append([]string{"v=spf1"}, r...), " ") }

// spfTerms matches the terms of RFC 7208, section 12, except ip4 and ip6. Macros are checked by evaluating them.
var spfTerms = regexp.MustCompile(`(?i)^(` +
	`[-+~?]?(all|ptr(:[^/]+)?|(include|exists):[^/]+|(a|mx)(:[^/]+)?(/\d{1,2})?(//\d{1,3})?)` +
	`|[a-z][-a-z0-9_.]*=[!-~]*)$`)

// invalid returns the invalid terms. Receivers treat the whole record as an error because of one, wherever it stands
// (section 4.6).
func (r spfRecord) invalid() (terms []string) {
	once := map[string]bool{}
	for _, term := range r {
		name, value := termName(term)
		twice := (name == "redirect" || name == "exp") && once[name] // section 6
		once[name] = true
		switch {
		case twice, name == "ip4" && !isNetwork(value, netip.Addr.Is4), name == "ip6" &&
			!isNetwork(value, netip.Addr.Is6):
			terms = append(terms, term)
		case name != "ip4" && name != "ip6" && !spfTerms.MatchString(term):
			terms = append(terms, term)
		}
	}
	return terms
}

// termName splits a term into its name, in lower case and without the qualifier, and what follows the colon.
func termName(term string) (name, value string) {
	i := strings.IndexAny(term, ":/=")
	if i < 0 {
		i = len(term)
	}
	return strings.ToLower(strings.TrimLeft(term[:i], "+-~?")), strings.TrimPrefix(term[i:], ":")
}

func isNetwork(s string, family func(netip.Addr) bool) bool {
	if a, err := netip.ParseAddr(s); err == nil {
		return family(a) && a.Zone() == ""
	}
	p, err := netip.ParsePrefix(s)
	return err == nil && family(p.Addr())
}

// without returns the record without some terms.
func (r spfRecord) without(terms []string) spfRecord {
	return slices.DeleteFunc(slices.Clone(r), func(t string) bool { return slices.Contains(terms, t) })
}

// allow returns the record with addresses first, where no earlier term can reject them. They cost no lookup.
func (r spfRecord) allow(addrs []netip.Addr) spfRecord {
	var first spfRecord
	for _, a := range addrs {
		if term := fmt.Sprintf("ip%d:%s", family(a), a); !slices.Contains(r, term) {
			first = append(first, term)
		}
	}
	return append(first, r...)
}

func family(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}

// ending returns the record with all as its last term. Terms after an earlier all are never evaluated (section 5.1) and
// are dropped. A redirect, which is evaluated only if there is no all, becomes the equivalent include.
func (r spfRecord) ending(all string) spfRecord {
	end := slices.IndexFunc(r, func(t string) bool { name, _ := termName(t); return name == "all" })
	var kept spfRecord
	for i, term := range r {
		switch name, _ := termName(term); {
		case end >= 0 && (i >= end || name == "redirect"):
		case name == "redirect":
			kept = append(kept, "include:"+term[len("redirect="):])
		default:
			kept = append(kept, term)
		}
	}
	return append(kept, all)
}

// joined returns one record for several: each mechanism once, ending in -all if they all do, and else in ~all.
func joined(txts []string) spfRecord {
	var one spfRecord
	all := "-all"
	for _, txt := range txts {
		for _, term := range splitSPF(txt) {
			name, _ := termName(term)
			switch {
			case name == "all":
				if term[0] != '-' {
					all = "~all"
				}
				continue
			case name == "redirect": // is not evaluated if there is an all (section 6.1)
				term = "include:" + term[len("redirect="):]
			}
			if !slices.Contains(one, term) {
				one = append(one, term)
			}
		}
	}
	return append(one, all)
}

// relayAddresses are the addresses that emails are sent from, as far as they are known here. ptr reports on a relay
// without an address.
type relayAddresses struct {
	public []netip.Addr
	hidden []string // hosts without a public address
}

func (c *checker) relayAddrs(ctx context.Context) (all relayAddresses) {
	for _, r := range c.Relays {
		addrs, err := c.dns.host(ctx, r.Host)
		seen := publicAddrs(addrs)
		if err == nil && len(seen) == 0 && !slices.Contains(all.hidden, r.Host) {
			all.hidden = append(all.hidden, r.Host)
		}
		all.public = append(all.public, seen...)
	}
	sort.Slice(all.public, func(i, j int) bool { return all.public[i].Less(all.public[j]) })
	all.public = slices.Compact(all.public)
	return all
}

// fix returns the record that allows the relays to send, with what the reader must know. If no address is known, it
// uses an example (RFC 5737).
func (a relayAddresses) fix(domain string, record spfRecord, missing []netip.Addr) (steps []string) {
	if len(a.public) == 0 {
		missing = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
		steps = append(steps, "Replace 192.0.2.1 by the address that your emails are sent from:")
	}
	return append(steps, txtLine(domain, record.allow(missing).String()),
		"If the relay belongs to a mail provider, use the include: that the provider documents instead of the "+
			"addresses.")
}

// spfRelays checks whether a valid record allows each address of the relays to send.
func (c *checker) spfRelays(ctx context.Context, d domain, record spfRecord, relays relayAddresses) (found []Finding) {
	f := Finding{Check: "SPF", About: d.name, Sites: d.sites}
	var missing []netip.Addr
	for _, addr := range relays.public {
		result, err := c.evaluate(ctx, d.name, addr, spfLookups)
		switch result {
		case spf.Pass:
		case spf.TempError:
			found = append(found,
				noAnswer("SPF", d.name, d.sites, fmt.Sprintf("what the SPF record of %s says about %s", d.name, addr),
					err))
		default:
			missing = append(missing, addr)
		}
	}
	switch {
	case len(missing) > 0:
		f.Level, f.Fix = Warn, relays.fix(d.name, record, missing)
		f.What = fmt.Sprintf("SPF of %s does not allow %s, the relay's address. Emails sent from there fail SPF. "+
			"If the relay passes them on to other hosts, SPF must list those; they are not known here.", d.name,
			joinWords(missing))
		found = append(found, f)
	case len(relays.public) > 0 && len(found) == 0:
		f.What = fmt.Sprintf("SPF of %s allows the relay to send (%s).", d.name, joinWords(relays.public))
		found = append(found, f)
	}
	if len(relays.hidden) > 0 {
		f.Level = Unknown
		f.What = fmt.Sprintf("The relay %s is on this machine or in a private network. Receivers see another "+
			"address, which is not known here, "+
			"so it is unknown whether SPF of %s allows it to send.", joinWords(relays.hidden), d.name)
		f.Fix = append([]string{"Find out the relay's public address. If SPF does not list it yet, change the record:"},
			relayAddresses{}.fix(d.name, record, nil)...)
		found = append(found, f)
	}
	return found
}
