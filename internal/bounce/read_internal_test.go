package bounce

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const verp = "b-abcdefgh@bounces.gazette.example"

// dsn is a report as Postfix writes it, with one recipient's fields.
func dsn(fields string) string {
	return strings.ReplaceAll(`Return-Path: <>
From: MAILER-DAEMON@relay.example (Mail Delivery System)
To: <`+verp+`>
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="A/B"

--A/B
Content-Type: text/plain

This email could not be delivered.

--A/B
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example
Arrival-Date: Sat, 21 Nov 2026 18:02:11 +0000

`+fields+`

--A/B
Content-Type: text/rfc822-headers

Return-Path: <`+verp+`>
From: La Gazette <bonjour@gazette.example>
Subject: Please confirm
--A/B--
`, "\n", "\r\n")
}

func failed(status, diagnostic string) string {
	return "Final-Recipient: rfc822; ada@example.org\nAction: failed\nStatus: " + status + "\nDiagnostic-Code: smtp; " +
		diagnostic
}

func TestAFailureIsHardOnlyIfItIsAboutTheMailbox(t *testing.T) {
	for name, row := range map[string]struct {
		fields string
		want   Kind
	}{
		"nobody of that name":        {failed("5.1.1", "550 5.1.1 no such user"), Hard},
		"no such domain":             {failed("5.1.2", "550 host unknown"), Hard},
		"disabled":                   {failed("5.2.1", "550 disabled"), Hard},
		"unable to route":            {failed("5.4.4", "550 unable to route"), Hard},
		"Microsoft's access denied":  {failed("5.4.1", "550 5.4.1 Recipient address rejected: Access denied"), Hard},
		"says nothing but the reply": {failed("5.0.0", "550 no such user"), Hard},
		"the server said more":       {failed("5.0.0", "550 5.7.1 blocked"), Soft},
		"no status, 550":             {"Action: failed\nDiagnostic-Code: smtp; 550 No such user", Hard},
		"no status, 552":             {"Action: failed\nDiagnostic-Code: smtp; 552 full", Soft},
		"full mailbox":               {failed("5.2.2", "552 5.2.2 over quota"), Soft},
		"a system that is broken":    {failed("5.3.0", "554 5.3.0"), Soft},
		"policy: it is about us":     {failed("5.7.1", "550 5.7.1 blocked"), Soft},
		"our domain is not in order": {failed("5.7.26", "550 5.7.26 unauthenticated"), Soft},
		"Microsoft, the same":        {failed("5.7.515", "550 5.7.515 Access denied"), Soft},
		"gave up after days":         {failed("4.4.7", "451 4.4.1 no answer"), Soft},
		"a form floods it":           {failed("5.7.28", "550 5.7.28 mail flood"), Flood},
		"a flood, put off": {
			"Action: delayed\nStatus: 4.7.28\nDiagnostic-Code: smtp; 450 4.7.28 too many", Flood,
		},
		"put off":   {"Action: delayed\nStatus: 4.1.1\nDiagnostic-Code: smtp; 450 4.1.1", Soft},
		"delivered": {"Action: delivered\nStatus: 2.1.5", Soft},
		"an alias of which one took": {failed("5.1.1", "550 5.1.1") +
			"\n\nFinal-Recipient: rfc822; b@example.org\nAction: relayed\nStatus: 2.1.9", Soft},
		"an alias of which none did": {failed("4.2.2", "452 4.2.2") + "\n\n" + failed("5.1.1", "550 5.1.1"), Hard},
		"no recipient at all":        {"X-Nothing: here", Soft},
	} {
		got, err := ReadMessage(strings.NewReader(dsn(row.fields)))
		if err != nil || got.Kind != row.want {
			t.Errorf("%s: %v, %v; want %v", name, got.Kind, err, row.want)
		}
		if len(got.Returns) == 0 || got.Returns[0] != verp {
			t.Errorf("%s: the return paths are %v", name, got.Returns)
		}
	}
}

func TestAMessageThatIsNoReportIsErrNoReport(t *testing.T) {
	for name, text := range map[string]string{
		"an answer": "From: ada@example.org\r\nTo: " + verp +
			"\r\nSubject: Re: Please confirm\r\n\r\nI did not ask for this. Status: 5.1.1\r\n",
		"somebody is away": "From: ada@example.org\r\nAuto-Submitted: auto-replied\r\nContent-Type: " +
			"text/plain\r\n\r\nAway.\r\n",
		"a report of reads": strings.Replace(dsn(failed("5.1.1", "550")), "message/delivery-status",
			"message/disposition-notification", 1),
	} {
		if got, err := ReadMessage(strings.NewReader(text)); !errors.Is(err, ErrNoReport) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestWhatHasNoHeaderIsUnreadableAndItsErrorRepeatsNothing(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "spaces": " \r\n\r\n", "no header": "ada@example.org wrote\r\n\r\n",
	} {
		got, err := ReadMessage(strings.NewReader(text))
		if !errors.Is(err, ErrUnreadable) || errors.Is(err, ErrNoReport) || strings.Contains(err.Error(), "@") {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	nest := "Content-Type: multipart/mixed; boundary=a\r\n\r\n" +
		strings.Repeat("--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n", 9)
	if got, err := ReadMessage(strings.NewReader(nest)); !errors.Is(err, ErrNoReport) {
		t.Errorf("a nest: %+v, %v", got, err)
	}
}

func TestAComplaintNamesTheReturnPath(t *testing.T) {
	for kind, want := range map[string]Kind{"abuse": Complaint, "fraud": Complaint, "not-spam": Soft, "virus": Soft} {
		text := strings.ReplaceAll(`From: feedback@provider.example
To: fbl@gazette.example
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary=x

--x
Content-Type: message/feedback-report

Feedback-Type: `+kind+`
User-Agent: Provider/1.0
Version: 1
Original-Mail-From: <`+verp+`>

--x
Content-Type: message/rfc822
Content-Transfer-Encoding: base64

RnJvbTogYQpUbzogYgoKYm9keQo=
--x--
`, "\n", "\r\n")
		got, err := ReadMessage(strings.NewReader(text))
		if err != nil || got.Kind != want || len(got.Returns) == 0 || got.Returns[0] != verp {
			t.Errorf("%s: %+v, %v", kind, got, err)
		}
	}
}

func TestNotificationsOfMailServices(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	type notice struct {
		Kind           Kind
		Returns        []string
		From, To, Note string
	}
	want := map[string]notice{
		"ses-bounce.json":     {Hard, []string{verp}, verp, "ada@example.org", ""},
		"ses-bounce-sns.json": {Hard, []string{verp}, verp, "ada@example.org", ""},
		"ses-event.json": {Soft, []string{"bonjour@gazette.example"}, "bonjour@gazette.example",
			"ada@example.org", ""},
		"ses-complaint.json": {Complaint, []string{verp}, verp, "ada@example.org", ""},
		"ses-flood.json":     {Flood, []string{verp}, verp, "ada@example.org", ""},
		"sns-confirm.json": {Note: "https://sns.eu-west-1.amazonaws.com/" +
			"?Action=ConfirmSubscription&Token=2336412f"},
		"postmark-hard.json":       {Hard, nil, "bonjour@gazette.example", "ada@example.org", ""},
		"postmark-transient.json":  {Soft, nil, "bonjour@gazette.example", "ada@example.org", ""},
		"postmark-complaint.json":  {Complaint, nil, "bonjour@gazette.example", "ada@example.org", ""},
		"postmark-delivery.json":   {Note: "nothing"},
		"ses-delivery.json":        {Note: "nothing"},
		"somebody-elses.json":      {Note: "no report"},
		"sns-somebody-elses.json":  {Note: "no report"},
		"postmark-spam-notif.json": {Soft, nil, "bonjour@gazette.example", "ada@example.org", ""},
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		reports, confirm, err := ReadNotification(body)
		var got notice
		switch {
		case errors.Is(err, ErrNoReport):
			got.Note = "no report"
		case err != nil:
			t.Errorf("%s: %v", file, err)
		case confirm != "":
			got.Note = confirm
		case len(reports) == 0:
			got.Note = "nothing"
		default:
			got = notice{reports[0].Kind, reports[0].Returns, reports[0].From, reports[0].To, ""}
		}
		if diff := cmp.Diff(want[filepath.Base(file)], got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", file, diff)
		}
		delete(want, filepath.Base(file))
	}
	for name := range want {
		t.Errorf("testdata lacks %s", name)
	}
}

func FuzzMessagesAndNotifications(f *testing.F) {
	f.Add([]byte(dsn(failed("5.1.1", "550"))))
	f.Add([]byte(`{"Type":"Notification","Message":"{\"notificationType\":\"Bounce\"}"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ReadMessage(strings.NewReader(string(b)))
		if err == nil && (r.From != "" || r.To != "") {
			t.Error("a message named its own sender or recipient")
		}
		_, _, _ = ReadNotification(b)
	})
}
