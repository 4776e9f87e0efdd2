package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// dmarc looks at the record that receivers go by for letters of a domain.
func (c *checker) dmarc(ctx context.Context, d domain) (found []Finding) {
	w, err := c.walk(ctx, d.name, "")
	if err != nil {
		return []Finding{silent("DMARC", d.name, d.sites, "the DMARC record of "+d.name, err)}
	}
	f := Finding{Check: "DMARC", About: d.name, Sites: d.sites}
	for _, name := range w.twice {
		f.Level = Wrong
		f.What = fmt.Sprintf("DNS has more than one DMARC record at _dmarc.%s, and receivers take them for none.", name)
		f.Fix = []string{"Delete all but the one that you mean. To see them: dig +short TXT _dmarc." + name}
		found = append(found, f)
	}
	p, given := w.applied()
	switch {
	case given:
		found = append(found, weighDMARC(f, p))
	case len(w.twice) == 0:
		f.Level = Warning
		f.What = fmt.Sprintf("%s has no DMARC record, neither at _dmarc.%[1]s nor above. Gmail, Outlook and Yahoo ask for one of everybody "+
			"who sends much.", d.name)
		f.Fix = []string{"To begin with: " + beginning, firstDMARC(c.place(d.name))}
		found = append(found, f)
	}
	return found
}

// place is where a first record belongs: at the shortest of the names that must align, for that makes them one organisation.
func (c *checker) place(from string) string {
	place := from
	for _, k := range c.keysOf(from) {
		if len(k.Domain) < len(place) {
			place = k.Domain
		}
	}
	for _, s := range c.Senders {
		if s.Domain == from && within(from, s.Bounce) && len(s.Bounce) < len(place) {
			place = s.Bounce
		}
	}
	return place
}

// beginning explains firstDMARC.
const beginning = "p=none asks receivers to change nothing, and rua= to send a daily report. Write a mailbox of yours there, or leave rua= out."

func firstDMARC(domain string) string {
	return txtLine("_dmarc."+domain, "v=DMARC1; p=none; rua=mailto:dmarc@"+domain)
}

// weighDMARC judges the record that receivers go by.
func weighDMARC(f Finding, p policy) Finding {
	f.Level, f.Fix = OK, nil
	its := fmt.Sprintf("The DMARC record _dmarc.%s", p.domain)
	reports := strings.Contains(strings.ToLower(p.tags.get("rua", "")), "mailto:")
	for _, name := range []string{"p", "sp", "np"} {
		value, given := p.tags.find(name)
		if name != "p" && !given || slices.Contains([]string{"none", "quarantine", "reject"}, strings.ToLower(value)) {
			continue
		}
		f.What = its + " has no p=, the policy for letters that fail."
		if given {
			f.What = fmt.Sprintf("%s says %s=%s, which is no policy: it must be none, quarantine or reject.", its, name, value)
		}
		f.Level, f.What = Wrong, f.What+" Receivers act as if there were no record."
		if reports {
			f.Level, f.What = Warning, f.What+" Those that know RFC 9989 act as if it said p=none, because it asks for reports."
		}
		f.Fix = []string{"Put this in its place:", txtLine("_dmarc."+p.domain, repaired(p.tags, name))}
		return f
	}
	if p.err != nil {
		f.Level = Warning
		f.What = fmt.Sprintf("%s has a part that receivers leave out: %v.", its, p.err)
		f.Fix = []string{"Put this in its place:", txtLine("_dmarc."+p.domain, p.tags.String())}
		return f
	}
	f.What = fmt.Sprintf("DMARC of %s is %s, by _dmarc.%s.", f.About, p.says(f.About), p.domain)
	return f
}

// says is the policy for letters of a domain.
func (p policy) says(domain string) string {
	said := "p=" + p.tags.get("p", "")
	if sub, given := p.tags.find("sp"); given && domain != p.domain {
		said = "sp=" + sub
	}
	if p.tags.get("t", "n") == "y" {
		said += " on trial (t=y)"
	}
	return said
}

// repaired is a record with a policy that is one, right after the version where older receivers want it; a broken sp or np is left out.
func repaired(t tags, broken string) string {
	if broken != "p" {
		return t.without(broken).String()
	}
	t = t.without("p")
	return append(tags{t[0], {"p", "none"}}, t[1:]...).String()
}
