package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/optin/optin/internal/challenge"
	"github.com/optin/optin/internal/keyring"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/store"
)

func TestAProofIsGoodOnceForAllReplicas(t *testing.T) {
	e := newChallengeEnv(t, always)
	other, err := newApp(e.web.Options) // on the same store
	must(t, err)
	second := httptest.NewServer(other.echo)
	t.Cleanup(second.Close)
	here, there := e.http, second
	proof := e.proof("gazette")
	respelt := strings.NewReplacer("{", "{ ", ":", ": ").Replace(string(mustDecode(t, proof)))
	for i, row := range []struct {
		at    *httptest.Server
		email string
		proof string
		want  int
	}{
		{here, "ada@b.example", proof, 202}, {there, "bob@b.example", proof, 422}, {here, "bob@b.example", proof, 422},
		{there, "ada@b.example", proof, 422},
		{there, "bob@b.example", base64.StdEncoding.EncodeToString([]byte(respelt)), 422},
		{there, "bob@b.example", e.proof("gazette"), 202},
	} {
		e.http = row.at
		a := e.send("POST", signupPath, fmt.Sprintf(`{"email":%q,"consent":true,"altcha":%q}`, row.email, row.proof),
			"Content-Type", request.MediaJSON)
		if a.status != row.want {
			t.Errorf("%d: %d %s", i, a.status, a.body)
		}
		if row.want == 422 {
			if code, _ := a.problem(t); code != "challenge_invalid" {
				t.Errorf("%d: %s", i, code)
			}
		}
	}
	e.clock.pass(10*time.Minute + 30*time.Second) // it has ended; another replica's clock may not have come so far
	if held, err := e.store.SetNX(t.Context(), e.spentName(proof), []byte("x"), time.Second); err != nil ||
		held == nil {
		t.Errorf("it is forgotten that the proof was spent: %v", err)
	}
}

// spentName is where it is kept that a proof was spent.
func (e *env) spentName(proof string) string {
	var p challenge.Challenge
	must(e, json.Unmarshal(mustDecode(e, proof), &p))
	sum := sha256.Sum256([]byte("spent\n" + p.Challenge))
	return "proof/" + base64.RawURLEncoding.EncodeToString(e.web.Options.Keyring.MACs("spent proof",
		hex.EncodeToString(sum[:]))[0])
}

func mustDecode(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	must(t, err)
	return b
}

func TestAProofThatIsNotRequiredIsSpentAllTheSame(t *testing.T) {
	e := newChallengeEnv(t, oneIsMany)
	proof := e.proof("gazette")
	for i, want := range []int{202, 202, 202, 202, 202, 202, 422} { // the first does not count
		a := e.send("POST", signupPath, fmt.Sprintf(`{"email":"p%d@b.example","consent":true,"altcha":%q}`, i, proof),
			"Content-Type", request.MediaJSON)
		if a.status != want {
			t.Errorf("%d: %d %s", i, a.status, a.body)
		}
	}
}

func TestAResponseForLackOfAProofIsNotStoredAndALostOneCostsNoProof(t *testing.T) {
	e := newChallengeEnv(t, always)
	post := func(proof string) answer {
		return e.send("POST", signupPath, fmt.Sprintf(`{"email":"ada@b.example","consent":true,"altcha":%q}`, proof),
			"Content-Type", request.MediaJSON, "Idempotency-Key", `"one"`)
	}
	for _, proof := range []string{"", "", "x"} { // under one key: nothing was done
		if a := post(proof); a.status != 422 || a.header.Get("Idempotency-Replayed") != "" || a.asked(t).Work == nil {
			t.Errorf("%q: %d %s", proof, a.status, a.body)
		}
	}
	proof := e.proof("gazette")
	first, again := post(proof), post(proof)
	if first.status != 202 || again.status != 202 || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%d, then %d %s", first.status, again.status, again.body)
	}
	e.email()
	if a := post(e.proof("gazette")); a.status != 422 || codeOf(t, a.body) != "idempotency_key_reused" {
		t.Errorf("another body: %d %s", a.status, a.body)
	}
}

func TestARequestThatFailedLaterMaySendItsProofAgain(t *testing.T) {
	e := newChallengeEnv(t, always, func(o *Options) {
		sites := rules()
		sites[0].EmailsPerSite = []store.Limit{{N: 1, Per: time.Minute}}
		o.Service = serviceWith(t, *o, sites)
	})
	post := func(email, key, proof string) int {
		return e.send("POST", signupPath, fmt.Sprintf(`{"email":%q,"consent":true,"altcha":%q}`, email, proof),
			"Content-Type", request.MediaJSON, "Idempotency-Key", key).status
	}
	first, second := e.proof("gazette"), e.proof("gazette")
	got := []int{post("ada@b.example", "a", first), post("bob@b.example", "b", second)}
	e.clock.pass(2 * time.Minute)
	got = append(got, post("eve@b.example", "e", second), post("bob@b.example", "eve", second),
		post("bob@b.example", "b", second))
	if fmt.Sprint(got) != "[202 503 422 422 202]" {
		t.Errorf("%v", got)
	}
}

func TestAProofIsSpentForReplicasWithAnotherNewestSecretToo(t *testing.T) {
	for name, first := range map[string]int{"spent by the newer": 0, "spent by the older": 1} {
		e := newChallengeEnv(t, always)
		var both [2]http.Handler
		for i, secrets := range [][]string{{"n", "k"}, {"k"}} {
			o := e.web.Options
			o.Keyring = ringOf(t, secrets...)
			o.Work = easyWork(t, o)
			s, err := newApp(o)
			must(t, err)
			both[i] = s.echo
		}
		proof := e.proof("gazette") // by the secret that both have
		for i, want := range []int{202, 422} {
			r := httptest.NewRequestWithContext(t.Context(), "POST", signupPath,
				strings.NewReader(fmt.Sprintf(`{"email":"p%d@b.example","consent":true,"altcha":%q}`, i, proof)))
			r.Header.Set("Content-Type", request.MediaJSON)
			rec := httptest.NewRecorder()
			both[(first+i)%2].ServeHTTP(rec, r)
			if rec.Code != want {
				t.Errorf("%s: %d, want %d: %s", name, rec.Code, want, rec.Body)
			}
		}
	}
}

func ringOf(t testing.TB, secrets ...string) *keyring.Keyring {
	t.Helper()
	var all [][]byte
	for _, s := range secrets {
		all = append(all, bytes.Repeat([]byte(s), 32))
	}
	r, err := keyring.New(all...)
	must(t, err)
	return r
}
