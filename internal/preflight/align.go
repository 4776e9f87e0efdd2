package preflight

import (
	"context"
	"fmt"
	"slices"
)

// alignment looks whether the domains that DKIM and SPF vouch for are the sender's, in the eyes of DMARC (RFC 9989, section 4.10.2).
// Where there is no record yet, the proposed one is assumed. Whether DKIM, SPF and that record are in order is told elsewhere.
func (c *checker) alignment(ctx context.Context, s Sender) []Finding {
	w, err := c.walk(ctx, s.Domain, "")
	if err != nil {
		return nil // as dmarc tells
	}
	p, given := w.applied()
	assumed := ""
	if !given {
		assumed = c.place(s.Domain)
	}
	f := Finding{Check: "DMARC", About: s.Domain, Sites: s.Sites}
	var signers []string
	for _, k := range c.keysOf(s.Domain) {
		if !slices.Contains(signers, k.Domain) {
			signers = append(signers, k.Domain)
		}
	}
	dkim, err := c.aligned(ctx, s.Domain, signers, p.tags.get("adkim", "r") == "s", assumed)
	if err != nil {
		return []Finding{silent("DMARC", s.Domain, s.Sites, "the DMARC records of "+s.Domain+" and of the domains that vouch for it", err)}
	}
	spf, err := c.aligned(ctx, s.Domain, []string{s.Bounce}, p.tags.get("aspf", "r") == "s", assumed)
	if err != nil {
		return []Finding{silent("DMARC", s.Domain, s.Sites, "the DMARC records of "+s.Domain+" and of the domains that vouch for it", err)}
	}
	switch {
	case len(dkim) > 0 && len(spf) > 0:
		f.What = fmt.Sprintf("Letters from %s align by DKIM (%s) and by SPF (%s).", s.Domain, listed(dkim), s.Bounce)
	case len(dkim) > 0:
		f.What = fmt.Sprintf("Letters from %s align by DKIM (%s). By SPF they do not, for their bounces go to %s; one is enough.",
			s.Domain, listed(dkim), s.Bounce)
	case len(spf) > 0:
		f.Level = Warning
		f.What = fmt.Sprintf("Letters from %s align by SPF (%s) only. Whoever forwards them breaks that, and DMARC fails.", s.Domain, s.Bounce)
		f.Fix = alignFix(s.Domain, signers, p)
	default:
		f.Level = Wrong
		f.What = fmt.Sprintf("Letters from %s cannot pass DMARC. %s for the same sender.", s.Domain, vouchers(signers, s.Bounce))
		f.Fix = alignFix(s.Domain, signers, p)
	}
	return []Finding{f}
}

// vouchers says which domains were tried.
func vouchers(signers []string, bounce string) string {
	if len(signers) == 0 {
		return fmt.Sprintf("No DKIM key signs them, and SPF vouches for %s, which DMARC does not take", bounce)
	}
	return fmt.Sprintf("DKIM vouches for %s and SPF for %s, and DMARC takes neither", listed(signers), bounce)
}

// aligned returns those of the domains that align with from: the same, or of the same organisation unless strict.
func (c *checker) aligned(ctx context.Context, from string, domains []string, strict bool, assumed string) (those []string, err error) {
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

// alignFix is how to make letters align by DKIM: a key of the very domain always does. Where a parent's key signs, there may be less to do.
func alignFix(domain string, signers []string, p policy) (fix []string) {
	_, bounded := p.tags.find("psd")
	switch {
	case len(signers) == 0:
	case p.tags.get("adkim", "r") == "s":
		fix = append(fix, "Either let the domain above sign for it, without adkim=s:", txtLine("_dmarc."+p.domain, p.tags.without("adkim").String()),
			"or make a key for "+domain+" itself:")
	case !bounded:
		fix = append(fix, "Either publish a DMARC record for "+signers[0]+", so that both are one organisation. "+beginning,
			firstDMARC(signers[0]), "or make a key for "+domain+" itself:")
	}
	selector := "optin"
	if len(signers) > 0 {
		selector = "optin2"
	}
	return append(fix, newKey(domain, selector)...)
}
