package web

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/bounce"
	"github.com/optin/optin/internal/web/request"
)

// Media types of reports.
const (
	mediaMessage = "message/rfc822"
	mediaText    = "text/plain"
)

const bouncesPath = "/v1/bounces"

// senders are the addresses that emails are from, by site.
func senders() map[string]string {
	return map[string]string{"gazette": "bonjour@gazette.example", "club": "hello@club.example"}
}

// failedTo is a report of an MTA that an email under this return path did not arrive.
func failedTo(path string) string {
	return strings.ReplaceAll("From: MAILER-DAEMON@relay.example\nTo: <"+path+`>
Content-Type: multipart/report; report-type=delivery-status; boundary=B

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example

Final-Recipient: rfc822; ada@b.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

--B--
`, "\n", "\r\n")
}

// notified is a notification of Amazon SES, and sns the same as SNS hands it on.
func notified(from, to string) string {
	return `{"notificationType":"Bounce","mail":{"source":"` + from +
		`"},"bounce":{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[{"emailAddress":"` + to +
		`","status":"5.1.1"}]}}`
}

func sns(message string) string {
	b, _ := json.Marshal(map[string]string{"Type": "Notification", "Message": message})
	return string(b)
}

// hand hands something in under the operator's key.
func (e *env) hand(media, body string) answer {
	e.Helper()
	return e.send("POST", bouncesPath, body, asSite(ownerKey, "Content-Type", media)...)
}

func TestAReportOfEachMediaTypeEndsARequest(t *testing.T) {
	const lowered = `{"reports":1,"ours":1}` + "\n"
	for name, row := range map[string]struct {
		media string
		body  func(d confirm.Message) string
	}{
		"a message": {mediaMessage,
			func(d confirm.Message) string { return failedTo(d.ReturnPath + "@bounces.gazette.example") }},
		"JSON": {request.MediaJSON,
			func(confirm.Message) string { return notified("bonjour@gazette.example", "ada@b.example") }},
		"by SNS": {"text/plain; charset=UTF-8",
			func(confirm.Message) string { return sns(notified("bonjour@gazette.example", "ada@b.example")) }},
		"SNS, said to be JSON": {request.MediaJSON, func(d confirm.Message) string {
			return sns(notified(d.ReturnPath+"@bounces.gazette.example", "x@y.example"))
		}},
		"by Postmark, a hard one": {request.MediaJSON, func(confirm.Message) string {
			return `{"RecordType":"Bounce","Type":"HardBounce","From":"bonjour@gazette.example",` +
				`"Email":"ada@b.example"}`
		}},
	} {
		e := newEnv(t)
		e.signUp("ada@b.example")
		body := row.body(e.email())
		for range 2 { // again changes nothing
			if a := e.hand(row.media, body); a.status != 200 || a.body != lowered ||
				e.state("ada@b.example") != consent.Undeliverable {
				t.Errorf("%s: %d %s, %q", name, a.status, a.body, e.state("ada@b.example"))
			}
		}
		a := e.send("GET", "/v1/sites/gazette/stats", "", asSite(readKey)...) // which holds it against its description
		if !strings.Contains(a.body, `"bounces":1`) {
			t.Errorf("%s: counted as %s", name, a.body)
		}
		if log := e.log.String(); strings.Contains(log, "ada@") || strings.Contains(log, ownerKey) {
			t.Errorf("%s: the log names somebody: %s", name, log)
		}
	}
}

func TestAForgedReportChangesNothing(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	path := e.email().ReturnPath
	last := map[bool]string{true: "b", false: "a"}[strings.HasSuffix(path, "a")]
	for name, row := range map[string]struct{ media, body string }{
		"another signature": {mediaMessage, failedTo(path[:len(path)-1] + last + "@bounces.gazette.example")},
		"no signature":      {mediaMessage, failedTo("ada@b.example")},
		"a sender's name": {mediaMessage,
			strings.Replace(failedTo("x@y.example"), "From:", "From: bonjour@gazette.example\r\nX-From:", 1)},
		"somebody else's": {request.MediaJSON, notified("news@elsewhere.example", "ada@b.example")},
		"another site's":  {request.MediaJSON, notified("hello@club.example", "ada@b.example")},
	} {
		a := e.hand(row.media, row.body)
		if a.status != 200 || e.state("ada@b.example") != consent.Pending {
			t.Errorf("%s: %d %s, %q", name, a.status, a.body, e.state("ada@b.example"))
		}
	}
}

func TestBouncesTakeTheOperatorsKeyOnly(t *testing.T) {
	e := newEnv(t)
	e.signUp("ada@b.example")
	body := failedTo(e.email().ReturnPath + "@bounces.gazette.example")
	for name, headers := range map[string][]string{
		"none": nil, "another": asSite("x"), "a site's": asSite(gazetteKey), "an empty one": asSite(""),
		"as a name":               {"Authorization", basic(ownerKey, "")},
		"a site's, as a password": {"Authorization", basic("optin", gazetteKey)},
		"two":                     append(asSite(ownerKey), asSite(ownerKey)...),
		"damaged":                 {"Authorization", "Basic " + ownerKey}, "in the address": nil,
	} {
		at := bouncesPath
		if name == "in the address" {
			at += "?key=" + ownerKey
		}
		a := e.send("POST", at, body, append(headers, "Content-Type", mediaMessage)...)
		if a.status != 401 || codeOf(t, a.body) != "operator_key_required" ||
			strings.Join(a.header.Values("WWW-Authenticate"),
				"|") != `Bearer realm="optin"|Basic realm="optin", charset="UTF-8"` {
			t.Errorf("%s: %d %v %s", name, a.status, a.header, a.body)
		}
	}
	if e.state("ada@b.example") != consent.Pending {
		t.Error("something was changed")
	}
	for _, user := range []string{"", "sns", ownerKey} {
		if a := e.send("POST", bouncesPath, body, "Authorization", basic(user, ownerKey), "Content-Type",
			mediaMessage); a.status != 200 {
			t.Errorf("as the password of %q: %d %s", user, a.status, a.body)
		}
	}
	if a := e.send("POST", signupPath, `{}`, asSite(ownerKey, "Content-Type", request.MediaJSON)...); a.status == 202 {
		t.Error("the operator's key signs up")
	}
	if a := e.send("GET", signupPath, "", asSite(ownerKey)...); a.status != 401 {
		t.Errorf("the operator's key lists: %d", a.status)
	}
	e = e.replica(func(o *Options) { o.OperatorKeys = nil })
	if a := e.hand(mediaMessage, body); a.status != 401 {
		t.Errorf("where there is no key, an old one: %d", a.status)
	}
	e = e.replica(func(o *Options) { o.Bounces = nil })
	if a := e.hand(mediaMessage, body); a.status != 404 || codeOf(t, a.body) != "not_found" {
		t.Errorf("where nothing takes them: %d %s", a.status, a.body)
	}
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestABouncesBodyIsReadAfterItsKeyAndWithinItsSize(t *testing.T) {
	e := newEnv(t)
	large := failedTo("x@y.example") + strings.Repeat("x", 100<<10)
	for name, row := range map[string]struct {
		key, media, body string
		want             int
		code             string
	}{
		"larger than a signup": {ownerKey, mediaMessage, large, 200, ""},
		"larger than any": {ownerKey, mediaMessage, large + strings.Repeat("x", bounce.MaxMessage), 413,
			"too_large"},
		"the same without a key": {"", mediaMessage, large + strings.Repeat("x", bounce.MaxMessage), 401,
			"operator_key_required"},
		"another type, without a key": {"", "image/png", "x", 401, "operator_key_required"},
		"another type":                {ownerKey, "image/png", "x", 415, "media_type_not_supported"},
		"a form":                      {ownerKey, request.MediaForm, "x=y", 415, "media_type_not_supported"},
		"no report": {ownerKey, mediaMessage, "Subject: I am away\r\n\r\nUntil Monday.\r\n", 422,
			"report_unreadable"},
		"no message":            {ownerKey, mediaMessage, "x", 422, "report_unreadable"},
		"no JSON":               {ownerKey, request.MediaJSON, "x", 422, "report_unreadable"},
		"something else's JSON": {ownerKey, mediaText, `{"hello":"world"}`, 422, "report_unreadable"},
		"nothing":               {ownerKey, request.MediaJSON, "", 422, "report_unreadable"},
	} {
		a := e.send("POST", bouncesPath, row.body, asSite(row.key, "Content-Type", row.media)...)
		if a.status != row.want || row.code != "" && codeOf(t, a.body) != row.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	a := e.send("POST", bouncesPath, failedTo("x@y.example"),
		asSite(ownerKey, "Content-Type", mediaText, "Sec-Fetch-Site", "cross-site")...)
	if a.status != 403 || codeOf(t, a.body) != "cross_site" { // a browser that knows the key as a password
		t.Errorf("from a page: %d %s", a.status, a.body)
	}
}

func TestAnOperatorIsToldWhereToConfirmAtAmazonAndNowhereElse(t *testing.T) {
	for address, told := range map[string]bool{
		"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f": true,
		"http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription":                 false,
		"https://evil.example/?x=.amazonaws.com":                                         false,
		"https://evil.example#.amazonaws.com":                                            false,
		"https://sns.amazonaws.com.evil.example/":                                        false,
		"https://sns.amazonaws.com:8443/":                                                false,
		"https://user@sns.amazonaws.com/":                                                false,
		"https://evilamazonaws.com/":                                                     false,
		"javascript:alert(1)//.amazonaws.com":                                            false,
	} {
		e := newEnv(t)
		b, _ := json.Marshal(map[string]string{"Type": "SubscriptionConfirmation", "SubscribeURL": address})
		a := e.hand(mediaText, string(b))
		if a.status != 200 || a.body != `{"reports":0,"ours":0}`+"\n" {
			t.Errorf("%s: %d %s", address, a.status, a.body)
		}
		line, _, _ := strings.Cut(e.log.String(), "\n")
		var said struct{ Level, Open string }
		must(t, json.Unmarshal([]byte(line), &said))
		if told != (said.Level == "WARN" && said.Open == address) || !told &&
			strings.Contains(e.log.String(), "amazon") {
			t.Errorf("%s: the log: %s", address, e.log)
		}
	}
}
