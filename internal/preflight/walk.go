package preflight

import (
	"context"
	"regexp"
	"slices"
	"strings"
)

// policy is a DMARC record and the domain whose it is.
type policy struct {
	domain string
	tags   tags
	err    error // a part that is none; receivers leave it out (RFC 9989, section 4.7)
}

// walk is what the tree walk from a domain found (RFC 9989, section 4.10), from the longest name to the shortest.
type walk struct {
	start string
	found []policy
	twice []string // domains with several records, of which none counts
}

var dmarcVersion = regexp.MustCompile(`^v[ \t]*=[ \t]*DMARC1[ \t]*(;|$)`)

// steps returns the domains whose records are asked for: at most eight.
func steps(domain string) []string {
	names := []string{domain}
	labels := strings.Split(domain, ".")
	for n := min(len(labels)-1, 7); n > 0; n-- {
		names = append(names, strings.Join(labels[len(labels)-n:], "."))
	}
	return names
}

// walk goes up from a domain. A record at assumed is taken to be there if there is none. Its error is that of DNS: no answer.
func (c *checker) walk(ctx context.Context, domain, assumed string) (walk, error) {
	w := walk{start: domain}
	for _, name := range steps(domain) {
		txts, err := c.dns.LookupTXT(ctx, "_dmarc."+name)
		if err != nil && !absent(err) {
			return w, err
		}
		records := slices.DeleteFunc(slices.Clone(txts), func(s string) bool { return !dmarcVersion.MatchString(s) })
		if len(records) > 1 {
			w.twice = append(w.twice, name)
		}
		if len(records) != 1 && name != assumed {
			continue
		}
		p := policy{domain: name}
		if len(records) == 1 {
			p.tags, p.err = splitTags(records[0])
		}
		w.found = append(w.found, p)
		if psd := p.tags.get("psd", "u"); psd == "y" || psd == "n" {
			break
		}
	}
	return w, nil
}

// organisation is the domain that those who align have in common (section 4.10.2). A record with psd=n is it, and with psd=y the name below is
// it; the walk ended with either, so there is only the last record to look at, and without psd too it is the last.
func (w walk) organisation() string {
	if len(w.found) == 0 {
		return w.start
	}
	last := w.found[len(w.found)-1]
	if last.tags.get("psd", "u") == "y" && last.domain != w.start {
		return below(w.start, last.domain)
	}
	return last.domain
}

// below is the name one label longer than parent, on the way down to name.
func below(name, parent string) string {
	rest := strings.TrimSuffix(name, "."+parent)
	return name[strings.LastIndexByte(rest, '.')+1:]
}

// applied is the record that receivers go by (section 4.10.1): the domain's own, its organisation's, or that of the public suffix above.
func (w walk) applied() (policy, bool) {
	for _, name := range []string{w.start, w.organisation()} {
		if i := slices.IndexFunc(w.found, func(p policy) bool { return p.domain == name }); i >= 0 {
			return w.found[i], true
		}
	}
	if len(w.found) > 0 {
		return w.found[len(w.found)-1], true // its psd=y ended the walk
	}
	return policy{}, false
}
