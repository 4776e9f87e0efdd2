package consent

import "slices"

// Logged returns which steps of one action belong into the consent log: what decides about a consent or a refusal, and
// an erasure. It is read from the difference that the action made, as Counts is.
func Logged(before, after Subscription) (all []StepAction) {
	given, withdrawn, superseded, objected := false, false, false, false
	unblocked := before.Declined() != nil && after.Declined() == nil
	for i := range after.Consents {
		is, was := &after.Consents[i], &Consent{State: Confirmed}
		if i < len(before.Consents) {
			was = &before.Consents[i]
		} else {
			given = true
		}
		withdrawn = withdrawn || is.State == Withdrawn && was.State != Withdrawn
		superseded = superseded || is.wasSuperseded() && !was.wasSuperseded()
	}
	for i := range after.Objections {
		is := &after.Objections[i]
		j := slices.IndexFunc(before.Objections, is.same)
		switch {
		case j >= 0:
			unblocked = unblocked || before.Objections[j].active() && !is.active()
		case is.isWithdrawal():
			withdrawn = true
		default:
			objected = true
		}
	}
	add := func(really bool, a StepAction) {
		if really {
			all = append(all, a)
		}
	}
	add(superseded, StepSuperseded)
	add(given, StepConfirmed)
	add(withdrawn, StepWithdrawn)
	add(before.Declined() == nil && after.Declined() != nil, StepDeclined)
	add(objected, StepObjected)
	add(unblocked, StepUnblocked)
	if !before.isBare() && after.isBare() {
		return []StepAction{StepErased}
	}
	return all
}

// WithoutExactIPs returns a copy of the subscription in which cut has been applied to every IP.
func (s Subscription) WithoutExactIPs(cut func(ip string) string) Subscription {
	s = s.clone()
	evidence := func(e *Evidence) {
		e.IP = cut(e.IP)
		if e.Attested != nil {
			a := *e.Attested
			a.IP = cut(a.IP)
			e.Attested = &a
		}
	}
	optional := func(e **Evidence) {
		if *e != nil {
			own := **e
			evidence(&own)
			*e = &own
		}
	}
	email := func(e *Email) { optional(&e.Bounced) }
	for i := range s.Requests {
		r := &s.Requests[i]
		evidence(&r.Asked)
		optional(&r.Renewed)
		optional(&r.Closed)
		for j := range r.Emails {
			email(&r.Emails[j])
		}
	}
	for i := range s.Consents {
		optional(&s.Consents[i].Ended)
	}
	for i := range s.Refusals {
		evidence(&s.Refusals[i].Declined)
		optional(&s.Refusals[i].Unblocked)
	}
	for i := range s.Objections {
		evidence(&s.Objections[i].Evidence)
		optional(&s.Objections[i].Unblocked)
	}
	for i := range s.Notices {
		evidence(&s.Notices[i].Asked)
		email(&s.Notices[i].Email)
	}
	return s
}
