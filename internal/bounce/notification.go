package bounce

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/optin/optin/internal/nondelivery"
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
	Bounce    sesBounce `json:"bounce"`
	Complaint struct {
		Feedback   string         `json:"complaintFeedbackType"`
		Recipients []sesRecipient `json:"complainedRecipients"`
	} `json:"complaint"`
}

type sesBounce struct {
	Type       string         `json:"bounceType"`
	SubType    string         `json:"bounceSubType"`
	Recipients []sesRecipient `json:"bouncedRecipients"`
}

type sesRecipient struct {
	Address    string `json:"emailAddress"`
	Status     string `json:"status"`
	Diagnostic string `json:"diagnosticCode"`
}

func (e *sesEvent) reports() (all []Report, err error) {
	var to []sesRecipient
	what := ""
	switch e.NotificationType + e.EventType {
	case "Bounce":
		to, what = e.Bounce.Recipients, e.Bounce.Type+" "+e.Bounce.SubType
	case "Complaint":
		to, what = e.Complaint.Recipients, "complaint "+e.Complaint.Feedback
	case "Delivery", "DeliveryDelay", "Send", "Reject", "Open", "Click", "Subscription", "Rendering Failure",
		"AmazonSnsSubscriptionSucceeded":
		return nil, nil // nothing to do
	default:
		return nil, ErrNoReport
	}
	source := addresses([]string{e.Mail.Source})
	for _, r := range to {
		report := Report{Kind: Complaint, Returns: source, To: firstAddress(r.Address)}
		report.Words = oneLine(what + " " + r.Status + " " + r.Diagnostic)
		switch {
		case what == "complaint not-spam":
			report.Kind, report.Reason = Soft, nondelivery.Unknown
		case e.NotificationType+e.EventType == "Bounce":
			report.judge(nondelivery.Reply{Text: r.Diagnostic, Status: r.Status}, e.Bounce.reason())
		}
		if len(source) > 0 {
			report.From = source[0]
		}
		all = append(all, report)
	}
	return all, nil
}

// reason returns what the type of a bounce says (Amazon SES, "Amazon SNS notification contents", bounce types).
func (b *sesBounce) reason() nondelivery.Reason {
	switch {
	case b.SubType == "ContentRejected", b.SubType == "AttachmentRejected", b.SubType == "MessageTooLarge":
		return nondelivery.Sender
	case b.SubType == "MailboxFull":
		return nondelivery.Mailbox
	case b.Type == "Permanent":
		return nondelivery.Recipient
	}
	return nondelivery.Unknown
}

// judge sets what a bounce means: by the reply where it is understood, and otherwise by what the service says. Where
// the service does not say that it is about the recipient for good, no reply ends a request.
func (r *Report) judge(reply nondelivery.Reply, byService nondelivery.Reason) {
	_, reply.Domain, _ = strings.Cut(strings.ToLower(r.To), "@")
	j := nondelivery.Judge(reply)
	if !j.Certain {
		j = nondelivery.Judgement{Reason: byService, Permanent: true}
	}
	r.Kind, r.Reason = kindOf(j), j.Reason
	if r.Kind == Hard && byService != nondelivery.Recipient {
		r.Kind = Soft
	}
}

// readPostmark reads a webhook of Postmark.
func readPostmark(body []byte) ([]Report, string, error) {
	var n struct {
		RecordType, Type, Email, From, Description, Details string
	}
	if err := json.Unmarshal(body, &n); err != nil {
		return nil, "", fmt.Errorf("%w: the notification is not JSON", ErrUnreadable)
	}
	r := Report{From: firstAddress(n.From), To: firstAddress(n.Email)}
	r.Words = oneLine(n.RecordType + " " + n.Type + " " + n.Details)
	switch {
	case n.RecordType == "SpamComplaint", n.RecordType == "Bounce" && n.Type == "SpamComplaint":
		r.Kind = Complaint
	case n.RecordType == "Bounce":
		r.judge(nondelivery.Reply{Text: n.Details}, postmarkReason(n.Type))
	default:
		return nil, "", nil // opens, clicks, deliveries: nothing to do
	}
	return []Report{r}, "", nil
}

// postmarkReason returns what a type of bounce says (Postmark, "Bounce API", bounce types).
func postmarkReason(kind string) nondelivery.Reason {
	switch kind {
	case "HardBounce", "BadEmailAddress":
		return nondelivery.Recipient
	case "Blocked", "SpamNotification", "VirusNotification", "DMARCPolicy", "SMTPApiError", "TemplateRenderingFailed":
		return nondelivery.Sender
	case "DnsError":
		return nondelivery.System
	}
	return nondelivery.Unknown
}

// firstAddress returns the first address of a header field, or an empty string.
func firstAddress(field string) string {
	if a := addresses([]string{field}); len(a) > 0 {
		return a[0]
	}
	return ""
}
