package preflight

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"unicode"
)

// Level is how much a finding matters.
type Level int

// The levels.
const (
	OK      Level = iota // in order
	Warning              // letters may land, or fewer than could
	Wrong                // letters will be refused or lost, or end among spam
	Unknown              // nobody answered; nothing is said against it
)

func (l Level) String() string {
	return [...]string{"ok", "warning", "wrong", "unknown"}[l]
}

// Finding is one thing that was looked at.
type Finding struct {
	Level Level
	Check string   // "MX", "SPF", "DKIM", "DMARC", "PTR", "STARTTLS" or "certificate"
	About string   // the domain, the host or the address
	Sites []string // ids of the sites whose letters it is about; none: those of all
	What  string   // plain sentences: what is so, and what comes of it
	Fix   []string // steps, and DNS lines to paste as they are; none where there is nothing to do
}

// printable makes what DNS and relays said harmless on a terminal.
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

// again is what can be done when DNS does not answer.
func again(name string) []string {
	return []string{fmt.Sprintf("Try again in a few minutes. If it stays so, look at this machine's resolver and at the name servers of %s.", name)}
}

// silent is the finding for a question that DNS did not answer.
func silent(check, about string, sites []string, question string, err error) Finding {
	return Finding{Unknown, check, about, sites, fmt.Sprintf("DNS gave no answer when asked for %s (%s).", question, cause(err)), again(about)}
}

// cause says why DNS did not answer, without the question and without the address of the resolver.
func cause(err error) string {
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

// txtLine is a TXT record as a line of a zone file, in strings of at most 255 bytes (RFC 1035, section 3.3).
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

// ptrLine is the PTR record of an address (RFC 1035, section 3.5; RFC 3596, section 2.5).
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

// listed joins words as a sentence does.
func listed[T any](items []T) string {
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
