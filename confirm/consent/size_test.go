package consent_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/confirm/consent"
)

// What strangers, websites and relays say of themselves is kept, and the record has a bound whichever of it is long.
func TestARecordHasABoundWhateverIsSaid(t *testing.T) {
	const most = 128 << 10
	long := strings.Repeat("~", 500)
	nothing := func(*consent.Evidence) {}
	for name, row := range map[string]struct {
		asked, confirmed, ended func(*consent.Evidence)
		shown                   string
		taken                   consent.Delivery
		answers                 int
	}{
		"IPs":                  {asked: func(e *consent.Evidence) { e.IP = long }},
		"browsers":             {asked: func(e *consent.Evidence) { e.UserAgent = long }},
		"origins":              {asked: func(e *consent.Evidence) { e.Origin = long }},
		"pages":                {asked: func(e *consent.Evidence) { e.Source = long }},
		"forms":                {asked: func(e *consent.Evidence) { e.Form = long }},
		"details":              {ended: func(e *consent.Evidence) { e.Detail = long }},
		"replies":              {ended: func(e *consent.Evidence) { e.Reply = long }},
		"confirming browsers":  {confirmed: func(e *consent.Evidence) { e.UserAgent = long }},
		"attested IPs":         {asked: func(e *consent.Evidence) { e.Attested = &consent.Attested{IP: long} }},
		"attested browsers":    {asked: func(e *consent.Evidence) { e.Attested = &consent.Attested{UserAgent: long} }},
		"attested pages":       {asked: func(e *consent.Evidence) { e.Attested = &consent.Attested{Page: long} }},
		"words":                {shown: long},
		"relays":               {taken: consent.Delivery{Reply: long}},
		"signatures":           {taken: consent.Delivery{Signature: long, SHA256: "a", Unsigned: "b"}},
		"answers":              {answers: 3},
		"browsers that end it": {ended: func(e *consent.Evidence) { e.UserAgent = long }},
	} {
		env := newEnv(t)
		for _, say := range []*func(*consent.Evidence){&row.asked, &row.confirmed, &row.ended} {
			if *say == nil {
				*say = nothing
			}
		}
		rounds := 0
		for ; rounds < 400; rounds++ {
			env.later(25 * time.Hour)
			id := fmt.Sprint("r", rounds)
			a := env.signup(id)
			a.Statements[0].Shown = row.shown
			row.asked(&a.Evidence)
			if len(env.does(a)) == 0 {
				break
			}
			for range row.answers {
				env.later(time.Second).does(consent.Tried{RequestID: id, Answer: env.answer(long)})
			}
			confirm := env.confirm(id)
			row.confirmed(&confirm.Evidence)
			env.does(confirm)
			row.taken.At = env.now
			env.does(consent.Delivered{RequestID: id, Delivery: row.taken})
			withdraw := env.withdraw()
			row.ended(&withdraw.Evidence)
			env.does(withdraw)
		}
		b, err := json.Marshal(env.sub)
		if err != nil {
			t.Fatal(err)
		}
		if said := strings.Count(string(b), "~"); said > most+8*len(long) || said < most/4 || rounds >= 400 {
			t.Errorf("%s: %d bytes after %d signups", name, said, rounds)
		}
	}
}

func TestTheLastReceiptsOfWhoIsErasedAreKeptAndLeaveRoomToSignUpAgain(t *testing.T) {
	for name, row := range map[string]struct{ long, erasures, kept int }{
		"short ones":         {100, 20, 16},
		"long ones":          {10_000, 20, 6},
		"one of all bytes":   {64 << 10, 3, 1},
		"one of a byte more": {64<<10 + 1, 3, 0},
	} {
		env := newEnv(t)
		var last string
		for i := range row.erasures {
			env.later(25 * time.Hour)
			env.does(env.signup(fmt.Sprint("r", i)))
			env.does(env.confirm(fmt.Sprint("r", i)))
			last = fmt.Sprintf("%0*d", row.long, i)
			kept := consent.KeptReceipt{Text: last, Until: env.now.Add(3 * 365 * 24 * time.Hour)}
			env.does(consent.Erase{Receipts: []consent.KeptReceipt{kept}})
		}
		got := env.sub.Receipts
		if len(got) != row.kept || len(got) > 0 && got[len(got)-1].Text != last {
			t.Errorf("%s: %d are kept", name, len(got))
		}
		env.later(25 * time.Hour)
		if got := env.does(env.signup("again")); len(got) != 1 {
			t.Errorf("%s: another signup leads to %v", name, got)
		}
	}
}

// signupsUntilFull returns how often somebody can sign up, confirm and withdraw until their record has no more room.
func (env *env) signupsUntilFull() (n int) {
	for ; n < 1000; n++ {
		id := fmt.Sprint("round", n)
		if env.later(25 * time.Hour); len(env.does(env.signup(id))) == 0 {
			return n
		}
		env.does(env.confirm(id))
		env.does(env.withdraw())
	}
	return n
}

func TestWhatIsKeptCountsTowardsTheBoundAsItTakesRoom(t *testing.T) {
	bare := newEnv(t).signupsUntilFull()
	for name, row := range map[string]struct {
		keep        func(env *env)
		least, most int // signups that it takes the place of
	}{
		"a long receipt": {func(env *env) {
			env.does(env.signup("r"))
			env.does(env.confirm("r"))
			kept := consent.KeptReceipt{Text: strings.Repeat("x", 60<<10), Until: env.now.Add(1e5 * time.Hour)}
			env.does(consent.Erase{Receipts: []consent.KeptReceipt{kept}})
		}, bare / 3, bare * 2 / 3},
		"64 objections": {func(env *env) {
			sms := env.byServer()
			sms.Channel = consent.ChannelSMS
			for n := range 64 {
				env.does(consent.Object{
					Site: "gazette", Mailbox: "m", Purposes: []string{fmt.Sprint("p", n)}, Evidence: sms,
				})
			}
		}, bare / 60, bare / 12},
		"64 events": {func(env *env) {
			env.does(env.signup("r"))
			told := consent.Notified{Event: consent.EventConfirmed, Endpoint: "https://e.example"}
			for range 64 {
				env.later(time.Second).does(told)
			}
		}, bare / 200, bare / 25},
	} {
		env := newEnv(t)
		row.keep(env)
		if fewer := bare - env.signupsUntilFull(); fewer < row.least || fewer > row.most {
			t.Errorf("%s: %d of %d signups fewer, want %d to %d", name, fewer, bare, row.least, row.most)
		}
	}
	if bare == 0 || bare >= 1000 {
		t.Errorf("%d signups beside nothing", bare)
	}
}

func TestSoManyNoticesAreKeptAndNoMoreAreSent(t *testing.T) {
	env := newEnv(t)
	env.does(env.signup("r1"))
	env.does(env.confirm("r1"))
	for i := range 20 {
		env.later(consent.NoticeEvery)
		sent := len(env.does(env.signup(fmt.Sprint("n", i)))) > 0
		if want := i < 16; sent != want {
			t.Errorf("notice %d is sent: %t", i+1, sent)
		}
	}
	if len(env.sub.Notices) != 16 {
		t.Errorf("%d are kept", len(env.sub.Notices))
	}
}
