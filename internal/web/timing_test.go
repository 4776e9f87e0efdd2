package web

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/optin/optin/internal/web/request"
)

// noticeable is a difference of medians that may be seen from outside. A record with a longer history takes some tens
// of microseconds more to open than a short one; no network is that steady.
const noticeable = 250 * time.Microsecond

// TestTheTimeOfASignupTellsNothingOfTheAddress takes signups for addresses in every state in turn and compares how long
// they take with those for unknown addresses: by their medians, and by a Mann-Whitney test with Holm's correction. A
// busy machine makes outliers, so a state fails only if it does in three rounds.
func TestTheTimeOfASignupTellsNothingOfTheAddress(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes what is done in the process ten times as slow")
	}
	n := 60 // signups for each state in a round
	if os.Getenv("OPTIN_SOAK") != "" {
		n = 1_500
	}
	suspects := map[string]int{}
	const rounds = 3
	for round := range rounds {
		for _, state := range slower(t, timedSignups(newEnv(t), n)) {
			suspects[state]++
		}
		if len(suspects) == 0 {
			return
		}
		t.Logf("after round %d suspicious: %v", round+1, suspects)
	}
	for state, times := range suspects {
		if times == rounds {
			t.Errorf("the time of a signup tells that its address is %s", state)
		}
	}
}

// timedSignups returns how long n signups of each state took, in seconds. Every address is used once.
func timedSignups(e *env, n int) map[string][]float64 {
	e.Helper()
	var addresses []map[string]string
	for i := range n {
		all := e.knownAt(fmt.Sprintf("d%d.example", i))
		all["unknown"] = fmt.Sprintf("unknown@d%d.example", i)
		addresses = append(addresses, all)
	}
	times := map[string][]float64{}
	for _, all := range addresses {
		for state, email := range all { // in any order
			begun := time.Now()
			a := e.send("POST", signupPath, `{"email":"`+email+`","consent":true}`, "Content-Type", request.MediaJSON)
			times[state] = append(times[state], time.Since(begun).Seconds())
			if a.status != http.StatusAccepted {
				e.Fatalf("%s: %d %s", state, a.status, a.body)
			}
		}
	}
	return times
}

// slower returns the states whose times differ from those of unknown addresses: in the median by a millisecond, or
// noticeably and by a Mann-Whitney test at 1 % after Holm's correction.
func slower(t *testing.T, times map[string][]float64) (suspects []string) {
	t.Helper()
	unknown, p, small := times["unknown"], map[string]float64{}, map[string]bool{}
	delete(times, "unknown")
	for state, of := range times {
		p[state] = mannWhitney(of, unknown)
		gap := time.Duration((middle(of) - middle(unknown)) * float64(time.Second))
		t.Logf("%-13s %+v from unknown, p = %.3f", state, gap, p[state])
		small[state] = gap.Abs() < noticeable
		if gap.Abs() >= time.Millisecond {
			suspects = append(suspects, state)
		}
	}
	states := slices.SortedFunc(maps.Keys(p), func(a, b string) int { return cmp.Compare(p[a], p[b]) })
	for i, state := range states {
		if p[state]*float64(len(states)-i) > 0.01 {
			break
		}
		if !small[state] {
			suspects = append(suspects, state)
		}
	}
	slices.Sort(suspects)
	return slices.Compact(suspects)
}

func middle(of []float64) float64 { return slices.Sorted(slices.Values(of))[len(of)/2] }

// mannWhitney returns the two-sided p-value of the Mann-Whitney U test, by the normal approximation.
func mannWhitney(a, b []float64) float64 {
	type value struct {
		v     float64
		fromA bool
	}
	var all []value
	for _, v := range a {
		all = append(all, value{v, true})
	}
	for _, v := range b {
		all = append(all, value{v, false})
	}
	slices.SortFunc(all, func(x, y value) int { return cmp.Compare(x.v, y.v) })
	var ranks float64
	for i, v := range all {
		if v.fromA {
			ranks += float64(i + 1)
		}
	}
	n, m := float64(len(a)), float64(len(b))
	u := ranks - n*(n+1)/2
	z := math.Abs(u-n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
	return math.Erfc(z / math.Sqrt2)
}

// The test must be able to fail: it sees a difference of a third of a millisecond.
func TestADifferenceOfTimeIsSeen(t *testing.T) {
	times := map[string][]float64{}
	for i := range 60 {
		noise := float64(i%13) * 40e-6
		times["unknown"] = append(times["unknown"], 500e-6+noise)
		times["alike"] = append(times["alike"], 505e-6+noise)
		times["confirmed"] = append(times["confirmed"], 830e-6+noise)
	}
	if got := slower(t, times); !slices.Equal(got, []string{"confirmed"}) {
		t.Errorf("suspicious: %v", got)
	}
}
