package bounce

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// MaxMessage is how much of a message is read, in bytes: reports repeat the letter, which is small.
const MaxMessage = 1 << 20

// Errors of what came in. Both are ErrUnreadable: handing the same in again changes nothing.
var (
	ErrUnreadable = errors.New("bounce: this cannot be read")
	// ErrNoReport says that something is neither a report, nor a complaint, nor a notification that is known here.
	ErrNoReport = fmt.Errorf("%w: it is no report about a letter", ErrUnreadable)
)

// Kind is what a report comes to.
type Kind int

// The kinds.
const (
	Soft      Kind = iota // passes, or is not about the mailbox
	Hard                  // the mailbox will never take a letter
	Flood                 // the mailbox is flooded by forms
	Complaint             // the person called the letter spam
)

// Report is what is said of one letter.
type Report struct {
	Kind    Kind
	Returns []string // return paths that it may have come to: addresses, one of them signed
	From    string   // of a notification: the sender …
	To      string   // … and the recipient, addresses
	Words   string   // of the mail system, for the record
}

// status is an enhanced status code (RFC 3463) anywhere in a text.
var status = regexp.MustCompile(`\b([245])\.(\d{1,3})\.(\d{1,3})\b`)

// judge says what a failure comes to, by its status or, where there is none, by what the server said.
func judge(code, diagnostic string) Kind {
	m := status.FindStringSubmatch(code)
	if m == nil || m[2] == "0" { // 5.0.0 says nothing: the server may have said more
		if more := status.FindStringSubmatch(diagnostic); more != nil {
			m = more
		}
	}
	switch {
	case m == nil:
		return judgeReply(diagnostic)
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

// judgeReply goes by the three digits of a reply (RFC 5321 4.2.2) that has no enhanced code: 550, 551 and 553 are about the mailbox.
func judgeReply(diagnostic string) Kind {
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
