package bounce

import (
	"encoding/json"
	"fmt"
)

// ReadNotification reads a notification of Amazon SES (directly, or through SNS) or of Postmark. If confirm is not
// empty, it is the address at which SNS wants its own subscription confirmed, and there is no report. The error is
// ErrUnreadable, or ErrNoReport, which is one.
func ReadNotification(body []byte) (reports []Report, confirm string, err error) {
	var n struct {
		Type         string // of SNS; or, of Postmark, the kind of bounce
		Message      string // of SNS: the notification that it passes on
		SubscribeURL string
		RecordType   string // of Postmark
		sesEvent
	}
	if err := json.Unmarshal(body, &n); err != nil {
		return nil, "", fmt.Errorf("%w: the notification is not JSON", ErrUnreadable)
	}
	switch {
	case n.SubscribeURL != "" && n.Type == "SubscriptionConfirmation":
		return nil, n.SubscribeURL, nil
	case n.RecordType != "":
		return readPostmark(body)
	case n.Type == "Notification" && n.Message != "":
		var inner sesEvent
		if err := json.Unmarshal([]byte(n.Message), &inner); err != nil {
			return nil, "", ErrNoReport
		}
		reports, err = inner.reports()
	default:
		reports, err = n.reports()
	}
	return reports, "", err
}

// sesEvent is a notification or event of Amazon SES.
type sesEvent struct {
	NotificationType string `json:"notificationType"`
	EventType        string `json:"eventType"`
	Mail             struct {
		Source string `json:"source"`
	} `json:"mail"`
	Bounce struct {
		Type       string         `json:"bounceType"`
		SubType    string         `json:"bounceSubType"`
		Recipients []sesRecipient `json:"bouncedRecipients"`
	} `json:"bounce"`
	Complaint struct {
		Feedback   string         `json:"complaintFeedbackType"`
		Recipients []sesRecipient `json:"complainedRecipients"`
	} `json:"complaint"`
}

type sesRecipient struct {
	Address    string `json:"emailAddress"`
	Status     string `json:"status"`
	Diagnostic string `json:"diagnosticCode"`
}

func (e *sesEvent) reports() (all []Report, err error) {
	var kind Kind
	var to []sesRecipient
	what := ""
	switch e.NotificationType + e.EventType {
	case "Bounce":
		to, what = e.Bounce.Recipients, e.Bounce.Type+" "+e.Bounce.SubType
		kind = hardIf(e.Bounce.Type == "Permanent" && e.Bounce.SubType != "ContentRejected" &&
			e.Bounce.SubType != "AttachmentRejected")
	case "Complaint":
		to, what, kind = e.Complaint.Recipients, "complaint "+e.Complaint.Feedback, Complaint
		if e.Complaint.Feedback == "not-spam" {
			kind = Soft
		}
	case "Delivery", "DeliveryDelay", "Send", "Reject", "Open", "Click":
		return nil, nil // nothing to do
	default:
		return nil, ErrNoReport
	}
	source := addresses([]string{e.Mail.Source})
	for _, r := range to {
		report := Report{Kind: kind, Returns: source, To: firstAddress(r.Address), Words: what + " " + r.Status + " " +
			r.Diagnostic}
		if classify(r.Status, r.Diagnostic) == Flood {
			report.Kind = Flood
		}
		if len(source) > 0 {
			report.From = source[0]
		}
		all = append(all, report)
	}
	return all, nil
}

// readPostmark reads a webhook of Postmark.
func readPostmark(body []byte) ([]Report, string, error) {
	var n struct {
		RecordType, Type, Email, From, Description, Details string
	}
	if err := json.Unmarshal(body, &n); err != nil {
		return nil, "", fmt.Errorf("%w: the notification is not JSON", ErrUnreadable)
	}
	r := Report{From: firstAddress(n.From), To: firstAddress(n.Email), Words: n.RecordType + " " + n.Type + " " +
		n.Details}
	switch n.RecordType {
	case "Bounce":
		r.Kind = hardIf(n.Type == "HardBounce" || n.Type == "BadEmailAddress")
		if n.Type == "SpamComplaint" {
			r.Kind = Complaint
		}
	case "SpamComplaint":
		r.Kind = Complaint
	default:
		return nil, "", nil // opens, clicks, deliveries: nothing to do
	}
	return []Report{r}, "", nil
}

// firstAddress returns the first address of a header field, or an empty string.
func firstAddress(field string) string {
	if a := addresses([]string{field}); len(a) > 0 {
		return a[0]
	}
	return ""
}
