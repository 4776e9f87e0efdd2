package consent

import "time"

// AsOf returns the subscription as it stood at a time, read from its evidence; a zero one if it did not exist yet.
// Whole is false where something that ended before then, or was changed since, is no longer known: what this answer
// says was confirmed was, but more may have been.
func (s Subscription) AsOf(t time.Time) (then Subscription, whole bool) {
	if s.Created.After(t) {
		return Subscription{}, true
	}
	then = s
	then.Requests, then.Consents = nil, nil
	for _, r := range s.Requests {
		if r.openedAt().After(t) {
			continue
		}
		if r.Closed != nil && r.Closed.At.After(t) {
			r.State, r.Closed = Pending, nil
		}
		then.Requests = append(then.Requests, r)
	}
	for _, c := range s.Consents {
		if c.Given.After(t) {
			continue
		}
		if c.Ended != nil && c.Ended.At.After(t) {
			before := c.endedBefore()
			c.State, c.Ended, c.Superseded = Confirmed, nil, time.Time{}
			if before != nil && !before.At.After(t) {
				c.State, c.Ended = Expired, before
			}
		}
		if c.Used.After(t) { // the day of an earlier use is not kept
			c.Used = time.Time{}
		}
		then.Consents = append(then.Consents, c)
	}
	then.Refusals = nil
	for _, r := range s.Refusals {
		if r.Declined.At.After(t) {
			continue
		}
		if r.Unblocked != nil && r.Unblocked.At.After(t) {
			r.Unblocked = nil
		}
		then.Refusals = append(then.Refusals, r)
	}
	then.Objections = nil
	for _, o := range s.Objections {
		if o.Evidence.At.After(t) {
			continue
		}
		if o.Unblocked != nil && o.Unblocked.At.After(t) {
			o.Unblocked = nil
		}
		then.Objections = append(then.Objections, o)
	}
	if s.WithdrawnAt.After(t) {
		then.WithdrawnAt = time.Time{}
	}
	return then, !t.Before(s.HistorySince)
}
