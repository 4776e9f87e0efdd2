package nondelivery_test

import (
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/nondelivery"
)

const (
	unknown   = nondelivery.Unknown
	recipient = nondelivery.Recipient
	mailbox   = nondelivery.Mailbox
	system    = nondelivery.System
	sender    = nondelivery.Sender
	flood     = nondelivery.Flood
)

type row struct {
	text string
	want nondelivery.Reason
}

func judge(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		if got := nondelivery.Judge(nondelivery.Reply{Text: r.text}); got.Reason != r.want {
			t.Errorf("%s: %+v, want %s", r.text, got, r.want)
		}
	}
}

func TestCodesSayWhoseFaultItIs(t *testing.T) {
	judge(t, []row{
		{"550 5.1.1", recipient}, {"550 5.1.2", recipient}, {"501 5.1.3", recipient}, {"553 5.1.4", recipient},
		{"551 5.1.6", recipient}, {"556 5.1.10", recipient}, {"550 5.2.1", recipient}, {"550 5.4.4", recipient},
		{"550 5.4.310", recipient}, {"553 5.6.7", recipient}, {"550 5.7.17", recipient}, {"550 5.7.18", recipient},
		{"550 5.7.124", recipient}, {"550 5.7.129", recipient}, {"550 5.7.133", recipient},
		{"550 5.7.136", recipient}, {"550 5.7.2", recipient},
		{"550 5.1.7", sender}, {"553 5.1.8", sender}, {"550 5.1.90", sender}, {"550 5.4.5", sender},
		{"500 5.5.0", sender}, {"503 5.5.1", sender}, {"504 5.5.2", sender}, {"550 5.5.4", sender},
		{"554 5.6.0", sender}, {"554 5.6.11", sender}, {"552 5.2.3", sender}, {"550 5.7.0", sender},
		{"550 5.7.1", sender}, {"550 5.7.9", sender}, {"550 5.7.20", sender}, {"550 5.7.23", sender},
		{"550 5.7.25", sender}, {"550 5.7.26", sender}, {"550 5.7.27", sender}, {"550 5.7.515", sender},
		{"550 5.7.606", sender}, {"550 5.7.708", sender}, {"550 5.7.28", flood}, {"450 4.7.28", flood},
		{"552 5.2.2", mailbox}, {"550 5.2.121", mailbox}, {"450 4.2.0", mailbox}, {"452 4.2.2", mailbox},
		{"554 5.3.0", system}, {"451 4.3.0", system}, {"552 5.3.4", system}, {"550 5.4.6", system}, {"451 4.4.1",
			system},
		{"550 5.4.7", system}, {"450 4.1.8", sender}, {"451 4.7.0", sender},
	})
}

func TestARefusalOfUsIsNotARefusalOfThePerson(t *testing.T) {
	judge(t, []row{
		{"554 5.7.1 <ada@example.org>: Relay access denied", sender},
		{"550 5.4.1 Relay Access Denied", sender},
		{"550 relay not permitted", sender},
		{"550 Too many invalid recipients from your server", sender},
		{"550 too many unknown users by you today", sender},
		{"550 5.1.1 <ada@example.org>... Relaying denied. Proper authentication required.", sender},
		{"553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", sender},
		{"550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", sender},
		{"553 5.7.1 <bonjour@gazette.example>: Sender address rejected: not owned by user optin", sender},
		{"550 5.1.0 <bonjour@gazette.example>: Sender address rejected: User unknown in virtual mailbox table", sender},
		{"550 5.1.1 <bonjour@gazette.example>: Sender address rejected: undeliverable address", sender},
		{"550 Sender verify failed", sender},
		{"550 Verification failed for <bonjour@gazette.example>", sender},
		{"501 Domain of sender address does not exist", sender},
		{"550 unauthorized sender", sender},
		{"550 5.1.0 Sender denied", sender},
		{"554 Message rejected: Email address is not verified. The following identities failed the check in " +
			"region EU", sender},
		{"550 The from address does not match a verified Sender Identity", sender},
		{"550 5.7.60 SMTP; Client does not have permissions to send as this sender", sender},
		{"550-5.4.5 Daily user sending limit exceeded", sender},
		{"550 You have exceeded your hourly sending quota", sender},
		{"552 5.2.2 Submission quota exceeded", sender},
		{"550 Maximum credits exceeded", sender},
		{"550 Your account has been suspended, call our office", sender},
		{"554 this account may send no more letters today", sender},
		{"550 5.7.1 please log in first", sender},
		{"550 Authentication required", sender},
		{"530-5.5.1 Authentication Required", sender},
		{"550 Access denied - Invalid HELO name (See RFC2821 4.1.1.1)", sender},
		{"504 <[127.0.0.1]>: Helo command rejected: need fully-qualified hostname", sender},
		{"554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", sender},
		{"550 (AB-1) we took no mail from 192.0.2.1. Ask your provider: part of its network is on our block " +
			"list.", sender},
		{"554-mx.example.org takes no mail from you 554 your IP address is listed for spam", sender},
		{"550 rejected because 192.0.2.1 is in a black list", sender},
		{"554 IP=192.0.2.1 - A problem occurred. Ask your postmaster for help (BL)", sender},
		{"550 Mail from 192.0.2.1 rejected, reputation too low", sender},
		{"554 Transaction failed. Reject due to policy restrictions.", sender},
		{"550 Administrative prohibition", sender},
		{"550 SPF check failed", sender},
		{"550 rejected by DMARC", sender},
		{"554 Bad DNS PTR resource record", sender},
		{"550 cannot find your reverse DNS", sender},
		{"550 spam detected", sender},
		{"554 the filter takes this letter for spam", sender},
		{"554 DT:SPM", sender},
		{"550 Mail content denied", sender},
		{"550 5.2.0 Mail rejete. Mail rejected. [506]", sender},
		{"554 our policy does not allow this letter", sender},
		{"521 AOL will not accept delivery of this message from your server: banned", sender},
		{"550 permanent failure for one or more recipients (ada@example.org:blocked)", sender},
		{"554 Blocked - see https://ipcheck.example.org/?ip=192.0.2.1", sender},
		{"550 This message contains a virus", sender},
		{"550 message too large", sender},
		{"550 5.7.1 Unauthenticated email is not accepted due to domain's DMARC policy", sender},
		{"550 5.7.1 [192.0.2.1] this looks like mail that nobody wants", sender},
		{"535 5.7.8 wrong password", sender}, {"530 first something else", sender}, {"503 need MAIL", sender},
	})
}

func TestThePersonIsGoneOnlyIfTheReplySaysSo(t *testing.T) {
	judge(t, []row{
		{"550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown in local recipient table", recipient},
		{"550 no such user", recipient}, {"550 No Such User Here", recipient}, {"554 there is no such account here",
			recipient},
		{"550 unknown user", recipient}, {"550 user unknown", recipient}, {"550 Unrouteable address", recipient},
		{"554 user not found", recipient}, {"550 Mailbox not found. See http://example.org", recipient},
		{"550 Requested action not taken: mailbox unavailable", recipient},
		{"550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)", recipient},
		{"550 5.7.1 <ada@example.org>: recipient does not exist here", recipient},
		{"554 delivery error: dd This user doesn't have an example.com account (ada@example.com) [0]", recipient},
		{"554 30 Sorry, your message to ada@example.com cannot be delivered. This mailbox is disabled (554.30).",
			recipient},
		{"552 1 Requested mail action aborted, mailbox not found", recipient},
		{"550-5.1.1 The email account that you tried to reach does not exist. Please try\n" +
			"550-5.1.1 double-checking the recipient's email address for typos", recipient},
		{"550 5.2.1 The email account that you tried to reach is disabled.", recipient},
		{"511 sorry, no mailbox here by that name (#5.1.1 - chkuser)", recipient},
		{"550 Invalid Recipient - https://example.org/docs#550", recipient},
		{"550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416", recipient},
		{"554 Empfänger unbekannt", recipient}, {"554 utilisateur inconnu", recipient}, {"554 usuario desconocido",
			recipient},
		{"554 utente sconosciuto", recipient}, {"554 gebruiker onbekend", recipient}, {"554 compte désactivé",
			recipient},
		{"550 Message was not accepted -- invalid mailbox. Local mailbox ada@example.org is unavailable: user not " +
			"found",
			recipient},
		{"554 this person is no longer employed here", recipient}, {"554 nobody of that name", recipient},
		{"550 5.1.1 Not our Customer", recipient}, {"554 account closed", recipient},
		{"554 the address has been deleted", recipient},
		{"550 5.7.1 RESOLVER.RST.AuthRequired; authentication required", recipient},
		{"550 5.7.1 this list takes letters only from its members", recipient},
		{"550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized", recipient},
		{"550 5.1.1 RESOLVER.ADR.RecipNotFound; not found", recipient},
		{"550 5.4.1 Recipient address rejected: Access denied", recipient},
		{"550 5.4.1 [ada@example.org]: Recipient address rejected: Access denied. AS(201806281)", recipient},
		{"554 domain not found", recipient}, {"550 Host or domain name not found", recipient},
		{"556 this domain takes no mail", recipient}, {"550", recipient}, {"551 go there", recipient},
		{"553 bad name", recipient},
	})
}

func TestAMailboxThatTakesNothingForNowIsNotGone(t *testing.T) {
	judge(t, []row{
		{"552 5.2.2 over quota", mailbox}, {"552 the mailbox holds no more, its quota is used up", mailbox},
		{"550 mailbox full", mailbox}, {"554 user is over quota", mailbox},
		{"550 5.2.1 disabled: mailbox is over quota", mailbox},
		{"552-Requested mail action aborted: exceeded storage allocation", mailbox}, {"552 boîte pleine", mailbox},
		{"550-5.2.1 The user you are trying to contact is receiving mail at a rate that prevents more", mailbox},
		{"452 no room is left in this mailbox", mailbox}, {"450 greylisted, come back later", mailbox},
		{"451 4.7.1 Greylisting in action", mailbox}, {"451 try again in 300 seconds", mailbox}, {"450", mailbox},
		{"552", mailbox}, {"550 quota exceeded", mailbox}, {"550 out of storage space", mailbox},
	})
}

func TestWhatIsNotUnderstoodIsNotThePersonsFault(t *testing.T) {
	judge(t, []row{
		{"", unknown}, {"554 no", unknown}, {"554 Transaction failed", unknown}, {"what", unknown}, {"599 5.99.1 x",
			unknown},
		{"Exim 4.94.2", unknown}, {"the relay 192.5.1.1 is at work", unknown}, {"421 closing", system},
		{"554 5.0.0 it did not work", unknown},
	})
	for text, certain := range map[string]bool{
		"550 5.1.1 no": true, "550 no such user": true, "550 what": false, "550 5.1.0 what": false, "553": false,
		"556": true,
	} {
		if got := nondelivery.Judge(nondelivery.Reply{Text: text}); got.Reason != recipient || got.Certain != certain {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestOnlyAPermanentRefusalEndsARequest(t *testing.T) {
	for r, want := range map[nondelivery.Reply]bool{
		{Text: "550 5.1.1 no such user"}:                                true,
		{Text: "450 4.1.1 no such user, perhaps"}:                       false,
		{Text: "450 no such user"}:                                      false,
		{Text: "smtp; 550 5.1.1 no such user", Status: "5.1.1"}:         true,
		{Text: "smtp; 451 4.7.1 greylisted", Status: "5.4.7"}:           false,
		{Text: "X-Postfix; unknown user", Status: "5.0.0"}:              true,
		{Text: "", Status: "5.0.0"}:                                     true,
		{Text: "", Status: "5.1.1"}:                                     true,
		{Text: "", Status: "4.1.1"}:                                     false,
		{Text: "smtp; 550 your IP is on a block list", Status: "5.1.1"}: false,
		{Text: "smtp; 550 mailbox full", Status: "5.1.1"}:               false,
		{Text: "smtp; 550 5.7.1 no", Status: "5.1.1"}:                   false,
		{Text: "smtp; 550 5.1.1 no", Status: "5.7.1"}:                   true,
		{Text: "550 5.1.1 no", Domain: "privaterelay.appleid.com"}:      false,
		{Text: "550 user unknown", Domain: "privaterelay.appleid.com"}:  false,
		{Text: "", Status: "5.1.1", Domain: "privaterelay.appleid.com"}: false,
		{Text: "550 5.1.1 no", Domain: "notprivaterelay.appleid.com"}:   true,
		{Text: "550 5.1.1 <a@b.example>: Recipient address rejected: undeliverable address: host " +
			"mx.b.example[192.0.2.1] " +
			"said: 554 5.7.1 Client host blocked (in reply to RCPT TO command)"}: false,
		{Text: "host mx.b.example[192.0.2.1] said: 550 5.1.1 User unknown"}: true,
		{Text: "550 5.1.1 user unknown <spamhaus-block.list@example.org>"}:  true,
	} {
		if got := nondelivery.Judge(r); got.EndsRequest() != want {
			t.Errorf("%+v: %+v", r, got)
		}
	}
}

func TestALongReplyIsJudgedInTime(t *testing.T) {
	for _, part := range []string{"mailbox ", "said: 550 ", "5.1.1", "<a@b>", "your ip ", "quota "} {
		began := time.Now()
		nondelivery.Judge(nondelivery.Reply{Text: strings.Repeat(part, 100_000)})
		if took := time.Since(began); took > time.Second {
			t.Errorf("%q takes %s", part, took)
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add("550 5.1.1 no such user", "5.1.1")
	f.Add("host said: 450 4.2.2 full", "")
	f.Fuzz(func(t *testing.T, text, status string) {
		j := nondelivery.Judge(nondelivery.Reply{Text: text, Status: status})
		if j.Reason == "" || j.EndsRequest() && j.Reason != recipient {
			t.Errorf("%+v", j)
		}
	})
}
