package consent

import "slices"

// Logged returns which steps of one action belong into the consent log: what decides about a consent or a refusal, and
// an erasure. It is read from the difference that the action made, as Counts is.
func Logged(before, after Subscription) (all []StepAction) {
	given, withdrawn, superseded, over, objected := false, false, false, false, false
	unblocked := before.Refusals.Declined() != nil && after.Refusals.Declined() == nil
	for i := range after.Consents {
		is, was := &after.Consents[i], &Consent{State: Confirmed}
		if i < len(before.Consents) {
			was = &before.Consents[i]
		} else {
			given = true
		}
		withdrawn = withdrawn || is.State == Withdrawn && was.State != Withdrawn
		superseded = superseded || is.wasSuperseded() && !was.wasSuperseded()
		over = over || is.endedByValidity() && !was.endedByValidity()
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
	add(over, StepValidityEnded)
	add(given, StepConfirmed)
	add(withdrawn, StepWithdrawn)
	add(before.Refusals.Declined() == nil && after.Refusals.Declined() != nil, StepDeclined)
	add(objected, StepObjected)
	add(unblocked, StepUnblocked)
	if !before.isBare() && after.isBare() {
		return []StepAction{StepErased}
	}
	return all
}
