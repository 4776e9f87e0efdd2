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
	kept bool // what it does is acknowledged, and must survive a failover
	many int  // one call of it may do what several commands ask for that have the first so many keys in common
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

// ofMany returns a script of which one call may do what several commands ask for, if they have their first keys in
// common. These come once, then the others of each, and the arguments of each; it replies with a list.
func (s script) ofMany(shared int) script {
	s.many = shared
	return s
}

// evenIfFull returns a script that does the same, and may use memory beyond maxmemory.
func (s script) evenIfFull() script {
	both := newKept("lib_even_if_full").before(s)
	both.many = s.many
	return both
}

// newKept is newScript for one whose effects are acknowledged.
func newKept(files ...string) script {
	s := newScript(files...)
	s.kept = true
	return s
}

func (s script) before(other script) script {
	both := scriptOf(s.body + other.body)
	both.kept = s.kept
	return both
}

var (
	commitEvenIfFullScript = commitScript.evenIfFull()

	commitScript = newKept(
		"lib_clock", "lib_packed", "lib_value", "lib_timers", "lib_queue", "lib_limits", "lib_counts", "commit",
	).ofMany(6)
	addScript   = newKept("lib_clock", "lib_packed", "lib_value", "lib_timers", "add")
	purgeScript = newScript("lib_clock", "lib_packed", "lib_value", "lib_timers", "purge")
	listScript  = newScript("lib_clock", "lib_packed", "list")

	inStateScript = newScript("lib_clock", "in_state")

	dueScript         = newScript("lib_clock", "lib_packed", "lib_value", "lib_timers", "lib_due_timers", "due")
	leaseScript       = newKept("lib_clock", "lib_queue", "lease")
	leaseTimersScript = newKept(
		"lib_clock", "lib_packed", "lib_value", "lib_timers", "lib_due_timers", "lease_timers",
	)
	endTimerScript   = newKept("lib_clock", "lib_packed", "lib_value", "lib_timers", "end_timer")
	renewLeaseScript = newScript("lib_clock", "lib_queue", "renew_lease")
	endScript        = newKept("lib_clock", "lib_queue", "end")
	failedScript     = newScript("lib_clock", "lib_packed", "failed")
	backlogsScript   = newScript("lib_clock", "backlogs")
	requeueScript    = newKept("lib_clock", "lib_queue", "requeue")
	makeDueScript    = newKept("lib_clock", "lib_queue", "make_due")
	waitingScript    = newScript("lib_clock", "lib_queue", "lib_waiting", "waiting")
	jobsOfScript     = newScript("lib_clock", "lib_queue", "jobs_of")
	runNowScript     = newScript("lib_clock", "lib_queue", "lib_waiting", "run_now")

	acquireScript        = newScript("lib_clock", "lib_limits", "acquire")
	undoScript           = newScript("lib_clock", "lib_limits", "undo")
	setNXScript          = newKept("lib_clock", "setnx")
	compareAndSwapScript = newKept("lib_clock", "compare_and_swap")
	countsScript         = newScript("lib_clock", "lib_counts", "counts")
	setMarkScript        = newKept("lib_clock", "set_mark")

	readyScript = newScript("ready")
	typesScript = newScript("types")
	shardScript = newKept("lib_clock", "shard")
)

func scripts() []script {
	return []script{
		commitScript, commitEvenIfFullScript, addScript, purgeScript, listScript, inStateScript,
		backlogsScript, dueScript, leaseScript, leaseTimersScript, endTimerScript, renewLeaseScript, endScript,
		failedScript, requeueScript, makeDueScript, waitingScript, jobsOfScript, runNowScript,
		acquireScript, undoScript, setNXScript, compareAndSwapScript, countsScript, setMarkScript, typesScript,
		shardScript,
	}
}
