package nondelivery

import "slices"

// codeRow is one row of the table of enhanced status codes.
type codeRow struct {
	reason Reason
	vague  bool     // the code says little: words come first
	codes  []string // without the class
	source string
}

// codeTable lists the codes whose reason is not that of their subject, or which say little.
func codeTable() []codeRow {
	const (
		rfc3463   = "RFC 3463"
		google    = "Google, SMTP error reference"
		microsoft = "Microsoft, non-delivery reports in Exchange Online"
	)
	return []codeRow{
		{Recipient, false, []string{"1.1", "1.2", "1.3", "1.4", "1.6", "2.1", "4.4"}, rfc3463},
		{Recipient, false, []string{"1.10"}, "RFC 7505"},
		{Recipient, false, []string{"6.7"}, "RFC 6531"},
		{Recipient, false, []string{"7.17", "7.18"}, "RFC 7293"},
		{Recipient, false, []string{"4.1", "4.310", "7.504", "7.505"}, microsoft},
		// groups, folders and mailboxes that take nothing from outside
		{Recipient, false, []string{"7.2"}, rfc3463},
		{Recipient, false, []string{"7.12", "7.124", "7.129", "7.133", "7.134", "7.135", "7.136"}, microsoft},
		{Recipient, true, []string{"1.0", "2.0"}, rfc3463},
		{Sender, false, []string{"1.7", "1.8", "2.3"}, rfc3463}, // 2.3: what we send is too large
		{Sender, false, []string{"1.90"}, microsoft},
		{Sender, false, []string{"4.5"}, google},
		{Sender, true, []string{"5.0", "6.0", "7.0", "7.1"}, rfc3463},
		{Sender, true, []string{"7.13", "5.350"}, microsoft},
		{System, false, []string{"1.5"}, rfc3463},
		{System, false, []string{"1.9"}, "RFC 3886"},
		{System, false, []string{"7.19"}, "RFC 7293"},
		{System, true, []string{"3.0", "4.0"}, rfc3463},
		{Mailbox, true, []string{"2.2"}, microsoft}, // full, or what we may send is used up
		{Flood, false, []string{"7.28"}, "draft-levine-mailbomb-header-02"},
	}
}

// subjectReason returns the reason of the other codes of a subject (RFC 3463 section 3.1; RFC 5248 and the IANA
// registry of SMTP enhanced status codes put later ones under the same subjects).
func subjectReason(subject string) Reason {
	switch subject {
	case "1":
		return Recipient
	case "2":
		return Mailbox
	case "3", "4":
		return System
	case "5", "6", "7": // the protocol as we speak it, the content, policy and authentication
		return Sender
	}
	return Unknown
}

// reasonOfCode returns the reason of an enhanced code, given as its subject and detail.
func reasonOfCode(subject, detail string) (_ Reason, vague bool) {
	for _, row := range table {
		if slices.Contains(row.codes, subject+"."+detail) {
			return row.reason, row.vague
		}
	}
	return subjectReason(subject), subject == "0"
}

var table = codeTable()
