package preflight

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// dmarc checks the record that receivers apply to emails from a domain.
func (c *checker) dmarc(ctx context.Context, d domain) (found []Finding) {
	w, err := c.walk(ctx, d.name, "")
	if err != nil {
		return []Finding{noAnswer("DMARC", d.name, d.sites, "the DMARC record of "+d.name, err)}
	}
	f := Finding{Check: "DMARC", About: d.name, Sites: d.sites}
	for _, name := range w.duplicates {
		f.Level = Wrong
		f.What = fmt.Sprintf("There is more than one DMARC record at _dmarc.%s, and receivers ignore them all.", name)
		f.Fix = []string{"Delete all but one. To see them: dig +short TXT _dmarc." + name}
		found = append(found, f)
	}
	p, given := w.policy()
	switch {
	case given:
		found = append(found, checkDMARCRecord(f, p))
	case len(w.duplicates) == 0:
		f.Level = Warn
		f.What = fmt.Sprintf("%s has no DMARC record, neither at _dmarc.%[1]s nor at a parent domain. "+
			"Gmail, Outlook and Yahoo require one of bulk senders.", d.name)
		f.Fix = []string{"To start with: " + firstDMARCNote, firstDMARC(c.firstRecordDomain(d.name))}
		found = append(found, f)
	}
	return found
}

// firstRecordDomain returns where a first record belongs: at the shortest of the names that must align, so that they
// become one organisation.
func (c *checker) firstRecordDomain(from string) string {
	shortest := from
	for _, k := range c.keysOf(from) {
		if len(k.Domain) < len(shortest) {
			shortest = k.Domain
		}
	}
	for _, s := range c.Senders {
		if s.Domain == from && isWithin(from, s.Bounce) && len(s.Bounce) < len(shortest) {
			shortest = s.Bounce
		}
	}
	return shortest
}

// firstDMARCNote explains firstDMARC.
const firstDMARCNote = "p=none asks receivers to change nothing, and rua= to send a daily report. Put a mailbox of " +
	"yours there, or omit rua=."

func firstDMARC(domain string) string {
	return txtLine("_dmarc."+domain, "v=DMARC1; p=none; rua=mailto:dmarc@"+domain)
}

// checkDMARCRecord checks the record that receivers apply.
func checkDMARCRecord(f Finding, p dmarcRecord) Finding {
	f.Level, f.Fix = OK, nil
	its := fmt.Sprintf("The DMARC record _dmarc.%s", p.domain)
	reports := strings.Contains(strings.ToLower(p.tags.get("rua", "")), "mailto:")
	for _, name := range []string{"p", "sp", "np"} {
		value, given := p.tags.find(name)
		if name != "p" && !given || slices.Contains([]string{"none", "quarantine", "reject"}, strings.ToLower(value)) {
			continue
		}
		f.What = its + " has no p=, the policy for emails that fail."
		if given {
			f.What = fmt.Sprintf("%s says %s=%s, which is not a policy: it must be none, quarantine or reject.", its,
				name, value)
		}
		f.Level, f.What = Wrong, f.What+" Receivers behave as if there were no record."
		if reports {
			f.Level, f.What = Warn,
				f.What+" Those that know RFC 9989 behave as if it said p=none, because it asks for reports."
		}
		f.Fix = []string{"Replace it with this:", txtLine("_dmarc."+p.domain, repaired(p.tags, name))}
		return f
	}
	if p.err != nil {
		f.Level = Warn
		f.What = fmt.Sprintf("%s has a part that receivers ignore: %v.", its, p.err)
		f.Fix = []string{"Replace it with this:", txtLine("_dmarc."+p.domain, p.tags.String())}
		return f
	}
	f.What = fmt.Sprintf("The DMARC policy of %s is %s, by _dmarc.%s.", f.About, p.describe(f.About), p.domain)
	return f
}

// describe returns the policy for emails from a domain.
func (p dmarcRecord) describe(domain string) string {
	said := "p=" + p.tags.get("p", "")
	if sub, given := p.tags.find("sp"); given && domain != p.domain {
		said = "sp=" + sub
	}
	if p.tags.get("t", "n") == "y" {
		said += " in testing mode (t=y)"
	}
	return said
}

// repaired returns the record with a valid policy, right after the version, where older receivers expect it. An invalid
// sp or np is dropped.
func repaired(t tags, broken string) string {
	if broken != "p" {
		return t.without(broken).String()
	}
	t = t.without("p")
	return append(tags{t[0], {"p", "none"}}, t[1:]...).String()
}

// dmarcRecord is a DMARC record and its domain.
type dmarcRecord struct {
	domain string
	tags   tags
	err    error // an invalid part, which receivers ignore (RFC 9989, section 4.7)
}

// treeWalk is what the tree walk from a domain found (RFC 9989, section 4.10), from the longest name to the shortest.
type treeWalk struct {
	start      string
	records    []dmarcRecord
	duplicates []string // domains with several records, none of which counts
}

var dmarcVersion = regexp.MustCompile(`^v[ \t]*=[ \t]*DMARC1[ \t]*(;|$)`)

// steps returns the domains whose records are looked up, at most eight.
func steps(domain string) []string {
	names := []string{domain}
	labels := strings.Split(domain, ".")
	for n := min(len(labels)-1, 7); n > 0; n-- {
		names = append(names, strings.Join(labels[len(labels)-n:], "."))
	}
	return names
}

// walk goes up from a domain. If there is no record at assumed, it supposes one. The error says that DNS did not
// answer.
func (c *checker) walk(ctx context.Context, domain, assumed string) (treeWalk, error) {
	w := treeWalk{start: domain}
	for _, name := range steps(domain) {
		txts, err := c.dns.LookupTXT(ctx, "_dmarc."+name)
		if err != nil && !notFound(err) {
			return w, err
		}
		records := slices.DeleteFunc(slices.Clone(txts), func(s string) bool { return !dmarcVersion.MatchString(s) })
		if len(records) > 1 {
			w.duplicates = append(w.duplicates, name)
		}
		if len(records) != 1 && name != assumed {
			continue
		}
		p := dmarcRecord{domain: name}
		if len(records) == 1 {
			p.tags, p.err = splitTags(records[0])
		}
		w.records = append(w.records, p)
		if psd := p.tags.get("psd", "u"); psd == "y" || psd == "n" {
			break
		}
	}
	return w, nil
}

// organisation returns the domain that aligned domains have in common (section 4.10.2): that of a record with psd=n, or
// the one below a record with psd=y. The walk ended with either, so it is by the last record; without psd it is the
// domain of the last record.
func (w treeWalk) organisation() string {
	if len(w.records) == 0 {
		return w.start
	}
	last := w.records[len(w.records)-1]
	if last.tags.get("psd", "u") == "y" && last.domain != w.start {
		return below(w.start, last.domain)
	}
	return last.domain
}

// below returns the name one label longer than parent on the way down to name.
func below(name, parent string) string {
	rest := strings.TrimSuffix(name, "."+parent)
	return name[strings.LastIndexByte(rest, '.')+1:]
}

// policy returns the record that receivers apply (section 4.10.1): the domain's own, its organisation's, or that of the
// public suffix above.
func (w treeWalk) policy() (dmarcRecord, bool) {
	for _, name := range []string{w.start, w.organisation()} {
		if i := slices.IndexFunc(w.records, func(p dmarcRecord) bool { return p.domain == name }); i >= 0 {
			return w.records[i], true
		}
	}
	if len(w.records) > 0 {
		return w.records[len(w.records)-1], true // its psd=y ended the walk
	}
	return dmarcRecord{}, false
}

// alignment checks whether the domains that DKIM and SPF authenticate align with the sender's (RFC 9989, section
// 4.10.2). If there is no record yet, it supposes the proposed one. Other checks report on DKIM, SPF and the record
// themselves.
func (c *checker) alignment(ctx context.Context, s Sender) []Finding {
	w, err := c.walk(ctx, s.Domain, "")
	if err != nil {
		return nil // dmarc reports it
	}
	p, given := w.policy()
	assumed := ""
	if !given {
		assumed = c.firstRecordDomain(s.Domain)
	}
	f := Finding{Check: "DMARC", About: s.Domain, Sites: s.Sites}
	var signers []string
	for _, k := range c.keysOf(s.Domain) {
		if !slices.Contains(signers, k.Domain) {
			signers = append(signers, k.Domain)
		}
	}
	question := "the DMARC records of " + s.Domain + " and of the domains that authenticate it"
	dkim, err := c.aligned(ctx, s.Domain, signers, p.tags.get("adkim", "r") == "s", assumed)
	if err != nil {
		return []Finding{noAnswer("DMARC", s.Domain, s.Sites, question, err)}
	}
	spf, err := c.aligned(ctx, s.Domain, []string{s.Bounce}, p.tags.get("aspf", "r") == "s", assumed)
	if err != nil {
		return []Finding{noAnswer("DMARC", s.Domain, s.Sites, question, err)}
	}
	switch {
	case len(dkim) > 0 && len(spf) > 0:
		f.What = fmt.Sprintf("Emails from %s align by DKIM (%s) and by SPF (%s).", s.Domain, joinWords(dkim), s.Bounce)
	case len(dkim) > 0:
		f.What = fmt.Sprintf("Emails from %s align by DKIM (%s). "+
			"They do not align by SPF, because bounces go to %s; one of the two is enough.",
			s.Domain, joinWords(dkim), s.Bounce)
	case len(spf) > 0:
		f.Level = Warn
		f.What = fmt.Sprintf("Emails from %s align by SPF (%s) only. Forwarding breaks that, and then DMARC fails.",
			s.Domain, s.Bounce)
		f.Fix = alignFix(s.Domain, signers, p)
	default:
		f.Level = Wrong
		f.What = fmt.Sprintf("Emails from %s cannot pass DMARC. %s.", s.Domain, vouchers(signers, s.Bounce))
		f.Fix = alignFix(s.Domain, signers, p)
	}
	return []Finding{f}
}

// vouchers says which domains DKIM and SPF authenticate.
func vouchers(signers []string, bounce string) string {
	if len(signers) == 0 {
		return fmt.Sprintf("No DKIM key signs them, and SPF authenticates %s, which does not align", bounce)
	}
	return fmt.Sprintf("DKIM authenticates %s and SPF %s, and neither aligns", joinWords(signers), bounce)
}

// aligned returns the domains that align with from: those that are equal or, unless strict, of the same organisation.
func (c *checker) aligned(
	ctx context.Context, from string, domains []string, strict bool, assumed string,
) (those []string, err error) {
	for _, d := range domains {
		same := d == from
		if !same && !strict {
			ours, err := c.walk(ctx, from, assumed)
			if err != nil {
				return nil, err
			}
			theirs, err := c.walk(ctx, d, assumed)
			if err != nil {
				return nil, err
			}
			same = ours.organisation() == theirs.organisation()
		}
		if same {
			those = append(those, d)
		}
	}
	return those, nil
}

// alignFix returns the steps to make emails align by DKIM: a key of the very domain always does. If a parent's key
// signs, less may be enough.
func alignFix(domain string, signers []string, p dmarcRecord) (fix []string) {
	_, bounded := p.tags.find("psd")
	switch {
	case len(signers) == 0:
	case p.tags.get("adkim", "r") == "s":
		fix = append(fix, "Either let the parent domain sign for it, without adkim=s:",
			txtLine("_dmarc."+p.domain, p.tags.without("adkim").String()),
			"or create a key for "+domain+" itself:")
	case !bounded:
		fix = append(fix,
			"Either publish a DMARC record for "+signers[0]+", so that both are one organisation. "+firstDMARCNote,
			firstDMARC(signers[0]), "or create a key for "+domain+" itself:")
	}
	selector := "optin"
	if len(signers) > 0 {
		selector = "optin2"
	}
	return append(fix, newKey(domain, selector)...)
}
