// Package preflight asks DNS, and the relay, what would keep letters from landing, before one is sent: configuration in, findings
// out, each with the line to paste or the step to take. It changes nothing, sends no letter and no password.
//
// What it looks at:
//
//   - MX of the domains that letters come from, that answers go to and that bounces go to: a null MX (RFC 7505, section 4) tells
//     receivers that nobody can answer, and they may refuse the letter for that; a domain with neither MX nor address takes no mail
//     (RFC 5321, section 5.1); an MX without an address takes none either.
//   - SPF of the envelope's domain, that of bounces or else of From: one record (RFC 7208, section 4.5), each term well-formed
//     (section 12), at most 10 lookups and 2 that lead nowhere (section 4.6.4), no stranger let through (sections 5.1 and 10.1.1), and
//     the relay's addresses let through. A relay may hand letters on to hosts that only its operator knows, so a relay's address that
//     SPF does not name is a warning; of a relay on this machine or in a private network nothing can be told.
//   - DKIM of each key: one record (RFC 6376, section 3.6.2.2), of this kind of key, for mail, with SHA-256, not revoked, not a trial
//     (section 3.6.1), with the public half of the configured key (RFC 8463, section 4.2 for Ed25519) and of a size that receivers
//     take (RFC 8301, section 3.2). And each domain that letters come from has a key: its own or a parent's, for no other signs
//     its letters (RFC 6376, section 3.10).
//   - DMARC of each domain that letters come from: the record by the tree walk of at most 8 questions (RFC 9989, section 4.10), one
//     at each name, with a policy that is one; and that DKIM or SPF speaks for the same organisation (section 4.10.2), or for
//     the same domain where the record is strict. Where there is no record, alignment is that which the proposed one would bring.
//   - PTR of the relay's public addresses, and back again (RFC 1912, section 2.1; large receivers ask for it).
//   - The relay itself, by a short conversation (EHLO, STARTTLS; RFC 3207): TLS of 1.2 or newer (RFC 8997) where it is configured, and
//     a certificate that is the host's and good for 14 days more.
//
// A question that DNS did not answer, and a relay that could not be reached, make a finding of level Unknown, never Wrong: "there
// is no such record" is believed only from a name server that said so.
//
// DNS lines are lines of a zone file (RFC 1035, section 5.1), with TXT in strings of at most 255 bytes.
package preflight
