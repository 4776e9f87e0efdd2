package dashboard

import "time"

// Step is one thing that happened.
type Step struct {
	At        time.Time
	Title     string
	Light     string
	Words     string // of a relay or a mail system
	Facts     []Fact
	EmailPath string // of the email that it is about, if that can be seen
}

// StepInWords writes what happened. See consent.StepAction.
func StepInWords(action string) string {
	return wordsFor(map[string]string{
		"asked":          "Signed up",
		"renewed":        "Asked for a new email, from an expired link",
		"unanswered":     "Signed up again; no email was due",
		"email_queued":   "An email became due",
		"email_resent":   "The email became due once more",
		"email_reminder": "A reminder became due",
		"email_notice":   "A notice became due: all of it was confirmed already",
		"email_tried":    "A relay did not take the email",
		"email_taken":    "A relay took the email",
		"email_reported": "Reported: the email did not arrive this time",
		"email_bounced":  "Reported: the email will never arrive",
		"confirmed":      "Confirmed",
		"declined":       "Said “this was not me”",
		"objected":       "Objected, as the website was told",
		"unblocked":      "Allowed emails again",
		"withdrawn":      "Withdrew",
		"superseded":     "A newer revision of the purpose ended the consent",
		"renewal_asked":  "The end of the validity came near, so the person is asked whether to renew it",
		"validity_ended": "The validity of the consent ended",
		"expired":        "The link expired",
		"undeliverable":  "The address takes no email",
		"told":           "The website was told",
		"erased":         "Erased",
		"copy_asked":     "Asked for a copy of the data, with the link that withdraws",
		"erase_asked":    "Asked to be erased, with the link that withdraws",
		"copied":         "Took the copy of the data",
	}, action)
}

// MethodInWords writes how an action was expressed. See consent.Method.
func MethodInWords(method string) string {
	return wordsFor(map[string]string{
		"hosted_form":  "optin’s own signup page",
		"form":         "a form of the website",
		"api":          "a call of the website",
		"link_post":    "the button behind the link in the email",
		"same_browser": "the browser that had signed up",
		"one_click":    "the unsubscribe button of a mail program",
		"smtp":         "a relay",
		"clock":        "time had passed",
		"server":       "the website’s servers, or an operator",
		"dsn":          "a report of a mail system",
		"complaint":    "a spam report",
		"revision":     "a newer revision of the purpose",
		"validity":     "the end of its validity",
		"renewal":      "a new confirmation",
	}, method)
}

// StateInWords writes a state. See consent.State.
func StateInWords(state string) string {
	return wordsFor(map[string]string{
		"pending": "Pending", "confirmed": "Confirmed", "declined": "Declined", "withdrawn": "Withdrawn",
		"expired": "Expired", "undeliverable": "Undeliverable", "erased": "Erased", "unreadable": "Does not open",
	}, state)
}

// LightOfStep returns the class of the light of what happened.
func LightOfStep(action string) string {
	switch action {
	case "confirmed", "email_taken":
		return "good"
	case "email_tried", "email_reported", "expired", "superseded", "validity_ended", "withdrawn":
		return "warn"
	case "email_bounced", "undeliverable", "declined", "objected":
		return "bad"
	}
	return "off"
}

// LightOfState returns the class of the light of a state.
func LightOfState(state string) string {
	switch state {
	case "confirmed":
		return "good"
	case "pending":
		return "off"
	case "declined", "undeliverable", "unreadable":
		return "bad"
	}
	return "warn"
}
