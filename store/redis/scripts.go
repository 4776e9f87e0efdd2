package redis

import (
	"crypto/sha1" // #nosec G505 -- Redis names scripts by it
	"embed"
	"encoding/hex"
)

// script is one Lua script. Its first argument is always "repeated": "1" if an earlier attempt may have run.
type script struct {
	body string
	sha  string
}

//go:embed lua
var lua embed.FS

// newScript returns the script that these files of lua make, one after the other.
func newScript(files ...string) script {
	var body []byte
	for _, name := range files {
		text, err := lua.ReadFile("lua/" + name + ".lua")
		if err != nil {
			panic(err) // a name in this file is wrong
		}
		body = append(body, text...)
	}
	return scriptOf(string(body))
}

func scriptOf(body string) script {
	sum := sha1.Sum([]byte(body)) // #nosec G401 -- Redis names scripts by it
	return script{body: body, sha: hex.EncodeToString(sum[:])}
}

// evenIfFull returns a script that does the same, and may use memory beyond maxmemory.
func (s script) evenIfFull() script { return scriptOf(newScript("lib_even_if_full").body + s.body) }

var (
	commitEvenIfFullScript = commitScript.evenIfFull()

	commitScript = newScript(
		"lib_clock", "lib_packed", "lib_value", "lib_timers", "lib_queue", "lib_limits", "lib_counts", "commit",
	)
	purgeScript = newScript("lib_clock", "lib_packed", "lib_value", "lib_timers", "purge")
	listScript  = newScript("lib_clock", "lib_packed", "list")

	inStateScript = newScript("lib_clock", "in_state")

	dueScript         = newScript("lib_clock", "lib_packed", "lib_value", "lib_timers", "lib_due_timers", "due")
	leaseScript       = newScript("lib_clock", "lib_queue", "lease")
	leaseTimersScript = newScript(
		"lib_clock", "lib_packed", "lib_value", "lib_timers", "lib_due_timers", "lease_timers",
	)
	endTimerScript   = newScript("lib_clock", "lib_packed", "lib_value", "lib_timers", "end_timer")
	renewLeaseScript = newScript("lib_clock", "lib_queue", "renew_lease")
	endScript        = newScript("lib_clock", "lib_queue", "end")
	failedScript     = newScript("lib_clock", "lib_packed", "failed")
	backlogsScript   = newScript("lib_clock", "backlogs")
	requeueScript    = newScript("lib_clock", "lib_queue", "requeue")
	waitingScript    = newScript("lib_clock", "lib_queue", "lib_waiting", "waiting")
	jobsOfScript     = newScript("lib_clock", "lib_queue", "jobs_of")
	runNowScript     = newScript("lib_clock", "lib_queue", "lib_waiting", "run_now")

	acquireScript        = newScript("lib_clock", "lib_limits", "acquire")
	undoScript           = newScript("lib_clock", "lib_limits", "undo")
	setNXScript          = newScript("lib_clock", "setnx")
	compareAndSwapScript = newScript("lib_clock", "compare_and_swap")
	countsScript         = newScript("lib_clock", "lib_counts", "counts")
	setMarkScript        = newScript("lib_clock", "set_mark")
)

func scripts() []script {
	return []script{
		commitScript, commitEvenIfFullScript, purgeScript, listScript, inStateScript, backlogsScript,
		dueScript, leaseScript, leaseTimersScript, endTimerScript, renewLeaseScript, endScript,
		failedScript, requeueScript, waitingScript, jobsOfScript, runNowScript,
		acquireScript, undoScript, setNXScript, compareAndSwapScript, countsScript, setMarkScript,
	}
}
