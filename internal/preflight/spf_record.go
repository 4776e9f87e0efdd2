package preflight

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// spfRecord is the terms of an SPF record after its version.
type spfRecord []string

// spfRecords picks the SPF records out of the TXT records of a name (RFC 7208, section 4.5).
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

// spfTerms are the terms of RFC 7208, section 12, but for the addresses. Whether a macro is one is told by evaluating it.
var spfTerms = regexp.MustCompile(`(?i)^(` +
	`[-+~?]?(all|ptr(:[^/]+)?|(include|exists):[^/]+|(a|mx)(:[^/]+)?(/\d{1,2})?(//\d{1,3})?)` +
	`|[a-z][-a-z0-9_.]*=[!-~]*)$`)

// odd returns the terms that are none. Receivers take the whole record as broken then, wherever the term stands (section 4.6).
func (r spfRecord) odd() (odd []string) {
	once := map[string]bool{}
	for _, term := range r {
		name, value := termName(term)
		twice := (name == "redirect" || name == "exp") && once[name] // section 6
		once[name] = true
		switch {
		case twice, name == "ip4" && !isNetwork(value, netip.Addr.Is4), name == "ip6" && !isNetwork(value, netip.Addr.Is6):
			odd = append(odd, term)
		case name != "ip4" && name != "ip6" && !spfTerms.MatchString(term):
			odd = append(odd, term)
		}
	}
	return odd
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

// without leaves terms out.
func (r spfRecord) without(terms []string) spfRecord {
	return slices.DeleteFunc(slices.Clone(r), func(t string) bool { return slices.Contains(terms, t) })
}

// allow puts addresses first: there nothing that stands before can refuse them, and they cost no lookup.
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

// ending replaces what is said of all others, or puts it at the end. Terms after an all are never looked at (section 5.1), and are left
// out; a redirect, which is looked at where there is none, becomes the include that it amounts to.
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

// joined makes one record of several: each mechanism once, and of their ends the softest that is no invitation.
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
			case name == "redirect": // is not looked at before an all (section 6.1)
				term = "include:" + term[len("redirect="):]
			}
			if !slices.Contains(one, term) {
				one = append(one, term)
			}
		}
	}
	return append(one, all)
}
