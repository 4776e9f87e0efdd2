package bounce

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// MaxMessage is how much of a message is read, in bytes. Reports repeat our email, which is small.
const MaxMessage = 1 << 20

var (
	// ErrUnreadable says that a message or notification is damaged. Sending it again changes nothing.
	ErrUnreadable = errors.New("bounce: the report cannot be read")
	// ErrNoReport says that it is neither a report, nor a complaint, nor a known notification. It wraps ErrUnreadable.
	ErrNoReport = fmt.Errorf("%w: it is no report about an email", ErrUnreadable)
)

// Kind is what a report means for its email.
type Kind int

// The kinds.
const (
	Soft      Kind = iota // temporary, or not about the mailbox
	Hard                  // the mailbox will never take an email
	Flood                 // forms flood the mailbox
	Complaint             // the person called the email spam
)

// Report is what a mail system says about one email.
type Report struct {
	Kind    Kind
	Returns []string // addresses that may be the email's return path, one of which is signed
	From    string   // the sender's address, which only a notification names
	To      string   // the recipient's address, which only a notification names
	Words   string   // what the mail system says, for the record
}

// status is an enhanced status code (RFC 3463) anywhere in a text.
var status = regexp.MustCompile(`\b([245])\.(\d{1,3})\.(\d{1,3})\b`)

// classify returns the kind of a failure, by its status code or, if there is none, by the server's reply.
func classify(code, diagnostic string) Kind {
	m := status.FindStringSubmatch(code)
	if m == nil || m[2] == "0" { // 5.0.0 says nothing; the server's reply may say more
		if more := status.FindStringSubmatch(diagnostic); more != nil {
			m = more
		}
	}
	switch {
	case m == nil:
		return classifyReply(diagnostic)
	case m[2] == "7" && m[3] == "28":
		return Flood
	case m[1] != "5":
		return Soft
	}
	switch m[2] {
	case "0", "1":
		return Hard
	case "2":
		return hardIf(m[3] == "0" || m[3] == "1")
	case "4":
		return hardIf(m[3] == "1" || m[3] == "4")
	}
	return Soft
}

// classifyReply returns the kind of a reply without an enhanced code, by its three digits (RFC 5321 section 4.2.2):
// 550, 551 and 553 are about the mailbox.
func classifyReply(diagnostic string) Kind {
	text := strings.TrimSpace(diagnostic)
	if _, after, ok := strings.Cut(text, ";"); ok { // "smtp; 550 No such user"
		text = strings.TrimSpace(after)
	}
	for _, code := range []string{"550", "551", "553"} {
		if strings.HasPrefix(text, code) {
			return Hard
		}
	}
	return Soft
}

func hardIf(yes bool) Kind {
	if yes {
		return Hard
	}
	return Soft
}
