package preflight

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"unicode"
)

// Level says how serious a finding is.
type Level int

// The levels.
const (
	OK      Level = iota // nothing to do
	Warn                 // emails may be delivered, or fewer than possible
	Wrong                // emails will be rejected, lost or treated as spam
	Unknown              // nobody answered, so nothing is known to be wrong
)

func (l Level) String() string {
	return [...]string{"ok", "warn", "wrong", "unknown"}[l]
}

// Finding is the result of checking one thing.
type Finding struct {
	Level Level
	Check string   // "MX", "SPF", "DKIM", "DMARC", "PTR", "STARTTLS" or "certificate"
	About string   // the domain, the host or the address
	Sites []string // ids of the sites whose emails it is about; none: all sites
	What  string   // plain sentences: what was found, and its consequence
	Fix   []string // steps, and DNS lines to paste as they are; none if there is nothing to do
}

// printable replaces control characters from DNS and relays, so that a terminal can show the findings.
func printable(all []Finding) []Finding {
	harmless := func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}
	for i := range all {
		all[i].What = strings.Map(harmless, all[i].What)
		for j := range all[i].Fix {
			all[i].Fix[j] = strings.Map(harmless, all[i].Fix[j])
		}
	}
	return all
}

// tryAgain returns what to do if DNS does not answer.
func tryAgain(name string) []string {
	return []string{fmt.Sprintf("Try again in a few minutes. "+
		"If it persists, check this machine's resolver and the name servers of %s.", name)}
}

// noAnswer returns the finding for a question that DNS did not answer.
func noAnswer(check, about string, sites []string, question string, err error) Finding {
	return Finding{Unknown, check, about, sites,
		fmt.Sprintf("DNS did not answer the question for %s (%s).", question, errorText(err)), tryAgain(about)}
}

// errorText says why DNS did not answer, without the question and the address of the resolver.
func errorText(err error) string {
	said := err.Error()
	var d *net.DNSError
	if errors.As(err, &d) {
		if said = d.Err; d.IsTimeout {
			return "it took too long"
		}
	}
	if i := strings.LastIndex(said, ": "); i >= 0 {
		said = said[i+len(": "):]
	}
	return said
}

// txtLine returns a TXT record as a line of a zone file, in strings of at most 255 bytes (RFC 1035, section 3.3).
func txtLine(name, value string) string {
	var b strings.Builder
	b.WriteString(name + ". TXT")
	for first := true; first || value != ""; first = false {
		n := min(len(value), 255)
		b.WriteString(` "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value[:n]) + `"`)
		value = value[n:]
	}
	return b.String()
}

// ptrLine returns the PTR record of an address (RFC 1035, section 3.5; RFC 3596, section 2.5).
func ptrLine(a netip.Addr, host string) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	bytes := a.AsSlice()
	for i := len(bytes) - 1; i >= 0; i-- {
		if a.Is4() {
			fmt.Fprintf(&b, "%d.", bytes[i])
			continue
		}
		b.WriteString(string(hex[bytes[i]&15]) + "." + string(hex[bytes[i]>>4]) + ".")
	}
	if a.Is4() {
		return b.String() + "in-addr.arpa. PTR " + host + "."
	}
	return b.String() + "ip6.arpa. PTR " + host + "."
}

// joinWords joins items as in a sentence.
func joinWords[T any](items []T) string {
	var b strings.Builder
	for i, item := range items {
		switch {
		case i > 0 && i == len(items)-1:
			b.WriteString(" and ")
		case i > 0:
			b.WriteString(", ")
		}
		fmt.Fprint(&b, item)
	}
	return b.String()
}
