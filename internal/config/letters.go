package config

import (
	"errors"
	"time"
)

// readLetters reads what else a site says of its letters.
func (s *Site) readLetters(g group) {
	if a := g.get("reply_to"); a.given() {
		reply := optional(a, "", parseFrom)
		s.ReplyTo = &reply
	}
	s.BounceDomain = optional(g.get("bounce_domain"), "", parseDomain)
	reminder := g.get("reminder")
	s.Reminder = optional(reminder, "", parseReminder(s.LinkTTL))
	for _, l := range s.Limits.EmailsPerAddress {
		if s.Reminder > 0 && l.N == 1 && s.Reminder <= l.Per {
			reminder.onNode().fail("would never be sent: limits.emails_per_address allows no second email to an address that soon; write a longer time here, or raise the limit")
		}
	}
}

// parseReminder makes a parser of how long to wait for somebody whose link is good for ttl; nothing of that is told again if ttl is wrong.
func parseReminder(ttl time.Duration) func(string) (time.Duration, error) {
	return func(s string) (time.Duration, error) {
		d, ok := duration(s)
		if !ok || d < time.Minute || ttl > 0 && d >= ttl {
			return 0, errors.New("must be 1m or longer and shorter than link_ttl, in s, m, h or d, such as 24h; without it nobody is reminded")
		}
		return d, nil
	}
}
