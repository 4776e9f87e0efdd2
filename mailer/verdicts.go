package mailer

import (
	"context"
	"errors"
	"regexp"
)

// aboutUs are enhanced codes that refuse the sender: authentication of its domain (RFC 7372, RFC 7505 4.2, and Microsoft's 5.7.515), or too
// many letters of forms (X.7.28).
var aboutUs = regexp.MustCompile(`\b5\.7\.(2\d|515)\b`)

// flooded are the enhanced codes of a mailbox that is flooded by forms (X.7.28 of draft-levine-mailbomb-header).
var flooded = regexp.MustCompile(`\b[45]\.7\.28\b`)

// oneMailbox are enhanced codes for now that are about one mailbox (RFC 3463 3.3: disabled, which Gmail says of one that is flooded too; full;
// a letter too large; a list): they say nothing of its domain. 4.2.0 does: greylisting says it.
var oneMailbox = regexp.MustCompile(`\b4\.2\.[1-4]\b`)

// permanent tells whether the relay refused this very letter for good. 503 and the 53x of RFC 4954 say that the session is not in order,
// and aboutUs that we are not: neither is the recipient's fault.
func (f *fault) permanent() bool {
	switch f.stage {
	case stageRCPT, stageDATA, stageDot:
	default:
		return false
	}
	switch f.code {
	case 503, 530, 534, 535, 538:
		return false
	}
	return f.code/100 == 5 && !aboutUs.MatchString(f.text)
}

// ambiguous tells whether the relay may have taken the letter all the same.
func (f *fault) ambiguous() bool {
	refused := f.code/100 == 5 || f.code/100 == 4 && f.code != 421
	return f.stage == stageDot && !refused
}

// alive tells whether the connection may be used for another letter.
func (f *fault) alive() bool { return f.code != 421 && (f.code/100 == 4 || f.code/100 == 5) }

// span is how long the relay is left alone after it.
func (f *fault) span() span {
	if f.firm {
		return refusing()
	}
	return transient()
}

// enough tells whether the relay may be in good health, and want no more connections than there are.
func (f *fault) enough() bool {
	return f.code/100 == 4 && (f.stage == stageGreeting || f.stage == stageEHLO)
}

// stalled tells whether the relay said nothing for as long as the letter was ready to wait, once it knew the recipient.
func (f *fault) stalled() bool {
	switch f.stage {
	case stageRCPT, stageDATA, stageContent:
		return errors.Is(f.cause, context.DeadlineExceeded)
	}
	return false
}
