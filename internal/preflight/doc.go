// Package preflight asks DNS and the relay what would keep emails from being delivered, before one is sent:
// configuration in, findings out, each with the line to paste or the step to take. It changes nothing, and sends no
// email and no password.
//
// What it checks:
//
//   - MX of the domains that emails come from, that answers go to and that bounces go to. A null MX (RFC 7505, section
//     4) tells receivers that nobody can answer, and they may reject the email for that. A domain with neither MX nor
//     address receives no mail (RFC 5321, section 5.1). The same holds if the MX has no address.
//   - SPF of the envelope's domain, that of bounces or else of From: one record (RFC 7208, section 4.5), each term
//     well-formed (section 12), at most 10 lookups and 2 that find nothing (section 4.6.4), nobody unlisted allowed
//     (sections 5.1 and 10.1.1), and the relay's addresses allowed. A relay may pass emails on to hosts that only its
//     operator knows, so a relay's address that SPF does not list is a warning. For a relay on this machine or in a
//     private network the result is unknown.
//   - DKIM of each key: one record (RFC 6376, section 3.6.2.2), for this type of key, for email, with SHA-256, not
//     revoked, not in testing (section 3.6.1), with the public half of the configured key (RFC 8463, section 4.2 for
//     Ed25519), and of keyring.MinRSABits if it is RSA. Each domain that emails come from has a key: its own or a
//     parent's, because no other signs its emails (RFC 6376, section 3.10).
//   - DMARC of each domain that emails come from: the record by the tree walk of at most 8 questions (RFC 9989, section
//     4.10), one at each name, with a valid policy; and that DKIM or SPF authenticates the same organisation (section
//     4.10.2), or the same domain if the record is strict. If there is no record, the proposed one is supposed.
//   - PTR of the relay's public addresses, and the way back (RFC 1912, section 2.1; large receivers require it).
//   - The relay itself, by a short conversation (EHLO, STARTTLS; RFC 3207): TLS of 1.2 or newer (RFC 8997) if it is
//     configured, and a certificate that is the host's and valid for 14 more days.
//
// A question that DNS did not answer, and a relay that could not be reached, make a finding of level Unknown, never
// Wrong: "there is no such record" is believed only from a name server that said so.
//
// DNS lines are lines of a zone file (RFC 1035, section 5.1), with TXT in strings of at most 255 bytes.
package preflight
