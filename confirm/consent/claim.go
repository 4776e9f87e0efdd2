package consent

import (
	"slices"
	"time"

	"github.com/optin/optin/internal/address"
)

// Right is a right over their data that a person claims by themselves.
type Right string

// The rights.
const (
	RightCopy  Right = "copy"  // GDPR articles 15 and 20
	RightErase Right = "erase" // GDPR article 17
)

// Claim is one time that somebody with the link that withdraws claimed a right. That link gets forwarded, so the claim
// leads to an email with a link of its own, and only who uses that has the right.
type Claim struct {
	ID       string // a nonce, which its link names
	Right    Right
	Address  address.Address // as it was spelled when the right was claimed: its email goes there
	Asked    Evidence
	Deadline time.Time
	Email    Email
	Done     *Evidence // of RightCopy: when the copy was first taken
}

const (
	// ClaimTTL is how long the link of a claim is good.
	ClaimTTL = 24 * time.Hour
	// maxClaims is how many claims are kept. When there are so many, none is added.
	maxClaims = 32
)

// Claims are those of one subscription, oldest first.
type Claims []Claim

// Find returns the claim with an id, or nil.
func (all Claims) Find(id string) *Claim {
	for i := range all {
		if all[i].ID == id {
			return &all[i]
		}
	}
	return nil
}

// emailDue returns the type of the claim's email, or nothing if it was sent or would arrive dead.
func (c *Claim) emailDue(now time.Time) EmailType {
	if c.Email.Taken != nil || !now.Add(deliveryTime).Before(c.Deadline) {
		return ""
	}
	return c.EmailType()
}

// EmailType returns the type of the claim's email.
func (c *Claim) EmailType() EmailType {
	if c.Right == RightErase {
		return EmailErase
	}
	return EmailCopy
}

// ClaimRight makes the email due that has the link of a right: now or, as the page has said that it is on its way, as
// soon as the limits on emails to one address allow. It does nothing for a person who wants no emails, or while the
// email of the same right is still on its way.
type ClaimRight struct {
	ID       string // of the claim, a fresh nonce
	Right    Right
	Evidence Evidence
	Terms    Terms
}

func (a ClaimRight) apply(s *edit, now time.Time) (effects, error) {
	waiting := func(c Claim) bool { return c.Right == a.Right && c.emailDue(now) != "" }
	due := s.EmailTimes.next(a.Terms.EmailsPerAddress, now)
	switch {
	case s.Address.IsZero(), s.Address.IsRole(), s.Refused() != nil, slices.ContainsFunc(s.Claims, waiting):
		return effects{}, nil
	case len(s.Claims) >= maxClaims, sizeOf(s.Subscription) > maxSize, due.After(now.Add(MaxWait)):
		return effects{}, nil
	}
	s.Claims = append(s.Claims, Claim{
		ID: a.ID, Right: a.Right, Address: s.Address, Asked: a.Evidence, Deadline: due.Add(ClaimTTL),
		Email: Email{Queued: now, Due: due},
	})
	s.EmailTimes = s.EmailTimes.add(due, a.Terms.EmailsPerAddress, now)
	s.touch()
	return effects{jobs: emailJob(a.ID, 0, due)}, nil
}

// Right returns the right that the link of a claim gives now; ErrUnknownRequest, ErrExpired.
func (all Claims) Right(id string, now time.Time) (Right, error) {
	c := all.Find(id)
	switch {
	case c == nil:
		return "", ErrUnknownRequest
	case !now.Before(c.Deadline):
		return "", ErrExpired
	}
	return c.Right, nil
}

// check returns nil for a claim to a right that can be used, else ErrUnknownRequest or ErrExpired.
func (all Claims) check(id string, right Right, now time.Time) error {
	is, err := all.Right(id, now)
	if err == nil && is != right {
		err = ErrUnknownRequest
	}
	return err
}

// TakeCopy is the holder of a claim's link taking the copy of their data.
type TakeCopy struct {
	ClaimID  string
	Evidence Evidence
}

func (a TakeCopy) apply(s *edit, now time.Time) (effects, error) {
	if err := s.Claims.check(a.ClaimID, RightCopy, now); err != nil {
		return effects{}, err
	}
	if c := s.Claims.Find(a.ClaimID); c.Done == nil {
		c.Done = &a.Evidence
		s.touch()
	}
	return effects{}, nil
}

// EraseClaimed is Erase by the holder of a claim's link. Of a person who is erased already it is done.
type EraseClaimed struct {
	ClaimID string
	Erase   Erase
}

func (a EraseClaimed) apply(s *edit, now time.Time) (effects, error) {
	if s.Address.IsZero() {
		return effects{}, nil
	}
	if err := s.Claims.check(a.ClaimID, RightErase, now); err != nil {
		return effects{}, err
	}
	return a.Erase.apply(s, now)
}

// deleteClaims deletes the claims that came to nothing, once nobody can use them any more, and the others when they are
// as old as a notice may be.
func deleteClaims(s *edit, now time.Time) {
	kept := slices.DeleteFunc(s.Claims, func(c Claim) bool {
		end := c.Deadline.Add(Grace)
		if c.Done != nil {
			end = c.Asked.At.Add(noticeKept)
		}
		return !now.Before(end)
	})
	if len(kept) < len(s.Claims) {
		s.touch()
	}
	s.Claims = kept
}

// claim adds what became of a claim.
func (t *timeline) claim(c *Claim) {
	asked := StepCopyAsked
	if c.Right == RightErase {
		asked = StepEraseAsked
	}
	t.add(asked, c.ID, &c.Asked)
	t.email(c.ID, 0, &c.Email, StepQueued)
	if c.Done != nil {
		t.add(StepCopied, c.ID, c.Done)
	}
}
