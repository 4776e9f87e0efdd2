package consent_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/optin/optin/confirm/consent"
)

// timeline returns the steps in words: the action, what it is about, and who saw or said what.
func (env *env) timeline() (all []string) {
	for _, s := range env.sub.Timeline(func(request string, n int) string { return fmt.Sprint(request, "-", n) }) {
		line := string(s.Action)
		for _, p := range s.Purposes {
			line += " " + p.ID
		}
		if s.Email != nil {
			line += " " + s.Email.ID
		}
		if s.Seen != nil {
			line += strings.TrimRight(fmt.Sprint(" seen ", s.Seen.Method, " ", s.Seen.IP, s.Seen.Reply), " ")
		}
		if s.Attested != nil {
			line += fmt.Sprint(" said ", s.Attested.Channel, s.Attested.Method, s.Attested.IP, s.Attested.Form)
		}
		if s.Told != nil {
			line += fmt.Sprint(" ", s.Told.Event, " to ", s.Told.Endpoint)
		}
		if s.Count > 0 {
			line += fmt.Sprint(" ", s.Count)
		}
		all = append(all, line)
	}
	return all
}

func TestTheTimelineTellsEveryActionWithItsEvidenceOldestFirst(t *testing.T) {
	env := newEnv(t)
	signup := env.signup("r1", "letter", "offers")
	signup.Evidence.How, signup.Evidence.IP, signup.Evidence.Form = consent.ByForm, "192.0.2.7", "footer"
	signup.Evidence.At = env.now
	env.does(signup)
	env.later(time.Second)
	env.does(consent.Tried{RequestID: "r1", Answer: consent.Answer{At: env.now, Reply: "451 later"}})
	env.later(time.Minute)
	env.does(consent.Delivered{RequestID: "r1", Delivery: consent.Delivery{At: env.now, Reply: "250 ok"}})
	env.later(time.Minute)
	confirm := env.confirm("r1")
	confirm.Evidence = consent.Evidence{At: env.now, How: consent.ByLink, IP: "192.0.2.8"}
	env.does(confirm)
	env.does(consent.Notified{Event: consent.EventConfirmed, Endpoint: "https://gazette.example/hook"})
	env.later(time.Hour)
	env.does(env.signup("r2", "letter")) // a notice; and one more, for which no email is due
	env.later(time.Minute)
	env.does(env.signup("r3", "letter"))
	env.later(time.Minute)
	env.does(consent.Withdraw{Evidence: consent.Evidence{
		At: env.now, How: consent.ByServer, Detail: "asked our desk",
		Attested: &consent.Attested{At: env.now},
	}})
	env.later(time.Minute)
	decline := env.decline()
	decline.Evidence.At = env.now
	env.does(decline)
	want := []string{
		"asked letter offers seen form 192.0.2.7 said footer",
		"email_queued r1-0",
		"email_tried r1-0 seen smtp 451 later",
		"email_taken r1-0 seen smtp 250 ok",
		"confirmed letter offers seen link_post 192.0.2.8",
		"told subscription.confirmed to https://gazette.example/hook",
		"asked seen form 192.0.2.7", "email_notice r2-0",
		"unanswered 1",
		"withdrawn letter offers seen server said asked our desk",
		"declined seen link_post",
	}
	if diff := cmp.Diff(want, env.timeline()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	env.later(time.Minute)
	env.does(consent.Erase{})
	if diff := cmp.Diff([]string{"declined", "withdrawn", "erased"}, trimmed(env.timeline())); diff != "" {
		t.Errorf("of an erased person (-want +got):\n%s", diff)
	}
}

// trimmed returns the first words of lines, sorted except for the last.
func trimmed(lines []string) (words []string) {
	for _, l := range lines {
		word, _, _ := strings.Cut(l, " ")
		words = append(words, word)
	}
	if len(words) == 3 && words[0] > words[1] {
		words[0], words[1] = words[1], words[0]
	}
	return words
}

func TestARenewedRequestTellsItsFirstSignupOnce(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter"))
	env.later(49 * time.Hour)
	renew := consent.Renew{RequestID: "r1", ID: "r2", Terms: env.signup("r2").Terms}
	renew.Evidence = consent.Evidence{At: env.now, How: consent.ByLink}
	env.does(renew)
	want := []string{
		"asked letter seen form 192.0.2.7", "email_queued r1-0", "expired letter seen clock",
		"renewed letter seen link_post",
		"email_queued r2-0",
	}
	if diff := cmp.Diff(want, env.timeline()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatAWebsiteWasToldHasABound(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter"))
	for i := range 100 {
		env.later(time.Second)
		env.does(consent.Notified{Event: consent.EventExpired, Endpoint: fmt.Sprint("https://e.example/", i)})
	}
	told := env.sub.Told
	if len(told) != 64 || told[63].Endpoint != "https://e.example/99" || told[0].Endpoint != "https://e.example/36" {
		t.Errorf("%d are kept, from %v to %v", len(told), told[0], told[len(told)-1])
	}
}

func TestOneActIsOneStepAndARequestHasItsName(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter"))
	env.later(25 * time.Hour).does(env.signup("r2", "offers"))
	env.does(env.confirm("r1"))
	env.does(env.confirm("r2"))
	env.later(time.Hour).does(env.withdraw())
	names := map[consent.StepAction][]string{}
	for _, s := range env.sub.Timeline(func(string, int) string { return "" }) {
		names[s.Action] = append(names[s.Action], s.Request)
	}
	asked, confirmed, withdrawn := names[consent.StepAsked], names[consent.StepConfirmed], names[consent.StepWithdrawn]
	if len(asked) != 2 || asked[0] == "" || asked[0] == asked[1] {
		t.Errorf("the requests are called %q", asked)
	}
	if diff := cmp.Diff(asked, confirmed); diff != "" {
		t.Errorf("confirmed: %s", diff)
	}
	if diff := cmp.Diff([]string{""}, withdrawn); diff != "" {
		t.Errorf("both were withdrawn by one act: %s", diff)
	}
}

func TestTheTimelineHasTheWordsThatTheWebsiteShowed(t *testing.T) {
	env := newEnv(t)
	a := env.signup("r1", "letter", "offers")
	a.Statements[1].Shown = "Get our offers"
	env.does(a)
	env.later(time.Minute)
	env.does(consent.Delivered{RequestID: "r1", Delivery: consent.Delivery{At: env.now}})
	env.later(time.Hour)
	env.does(consent.Reported{RequestID: "r1", Answer: env.answer("452 full")})
	env.does(env.confirm("r1"))
	var reported bool
	for _, s := range env.sub.Timeline(func(string, int) string { return "" }) {
		switch said := s.Attested; s.Action {
		case consent.StepAsked:
			if said == nil || len(said.Shown) != 1 || said.Shown["offers"] != "Get our offers" {
				t.Errorf("asked: %+v", said)
			}
		case consent.StepReported:
			reported = s.Seen.Method == consent.ByReport && s.Seen.Reply == "452 full"
		default:
			if said != nil {
				t.Errorf("%s: %+v", s.Action, said)
			}
		}
	}
	if !reported {
		t.Error("the report of a mail system is not told as one")
	}
}

func TestASignupThatWasRenewedTwiceIsToldOnce(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter"))
	env.later(49 * time.Hour).does(env.renew("r1", "r2"))
	env.later(49 * time.Hour).does(env.renew("r2", "r3"))
	env.later(49 * time.Hour).does(env.signup("r4", "letter"))
	told := map[string]int{}
	for _, line := range env.timeline() {
		word, _, _ := strings.Cut(line, " ")
		told[word]++
	}
	want := map[string]int{"asked": 2, "renewed": 2, "expired": 3, "email_queued": 4}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOneActThatClosesTwoRequestsIsAStepOfEach(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1", "letter"))
	env.later(25 * time.Hour).does(env.signup("r2", "offers"))
	env.later(time.Hour).does(env.decline())
	asked, declined := map[string]string{}, map[string]string{} // the request of each purpose
	said := map[consent.StepAction]map[string]string{consent.StepAsked: asked, consent.StepDeclined: declined}
	steps := 0
	for _, s := range env.sub.Timeline(func(string, int) string { return "" }) {
		of := said[s.Action]
		if s.Action == consent.StepDeclined {
			steps++
		}
		for _, p := range s.Purposes {
			of[p.ID] = s.Request
		}
	}
	if diff := cmp.Diff(asked, declined); diff != "" || steps != 2 || asked["letter"] == asked["offers"] {
		t.Errorf("%d steps, declined (-asked +declined):\n%s", steps, diff)
	}
}

// A signup takes a moment to be committed, and its evidence is from before.
func TestARenewedSignupThatTookAMomentIsToldOnce(t *testing.T) {
	env := newEnv(t)
	signup := env.signup("r1", "letter")
	env.later(3 * time.Second).does(signup)
	env.later(49 * time.Hour).does(env.renew("r1", "r2"))
	told := 0
	for _, line := range env.timeline() {
		if strings.HasPrefix(line, "asked ") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("it is told %d times: %q", told, env.timeline())
	}
}
