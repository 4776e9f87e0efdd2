package redis

import (
	"crypto/sha1" // #nosec G505 -- Redis names scripts by it
	"embed"
	"encoding/hex"
	"slices"
	"strings"
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

// newWriter is newScript for one of which no half may be done, and lib_whole comes before the others.
func newWriter(files ...string) script {
	s := newScript(append([]string{"lib_clock", "lib_whole"}, files...)...)
	return scriptOf("local ALLOWED = '" + strings.Join(commandsOf(s.body), " ") + "'\n" + s.body)
}

// commandsOf returns the names of all commands that a script may run.
func commandsOf(body string) (all []string) {
	for _, part := range strings.Split(body, "call('")[1:] {
		if name, _, _ := strings.Cut(part, "'"); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
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
	both := newScript("lib_even_if_full").before(s)
	both.many = s.many
	return both
}

// newKept is newWriter for one whose effects are acknowledged.
func newKept(files ...string) script {
	s := newWriter(files...)
	s.kept = true
	return s
}

func (s script) before(other script) script {
	both := scriptOf(s.body + other.body)
	both.kept = other.kept
	return both
}

var (
	commitEvenIfFullScript = commitScript.evenIfFull()

	commitScript = newKept(
		"lib_packed", "lib_value", "lib_timers", "lib_queue", "lib_limits", "lib_counts", "commit",
	).ofMany(6)
	addScript   = newKept("lib_packed", "lib_value", "lib_timers", "add")
	purgeScript = newWriter("lib_packed", "lib_value", "lib_timers", "purge")
	listScript  = newScript("lib_clock", "lib_packed", "list")

	inStateScript = newScript("lib_clock", "in_state")

	dueScript         = newScript("lib_clock", "lib_packed", "lib_value", "lib_timers", "lib_due_timers", "due")
	leaseScript       = newKept("lib_queue", "lease")
	leaseTimersScript = newKept(
		"lib_packed", "lib_value", "lib_timers", "lib_due_timers", "lease_timers",
	)
	endTimerScript   = newKept("lib_packed", "lib_value", "lib_timers", "end_timer")
	renewLeaseScript = newWriter("lib_queue", "renew_lease")
	endScript        = newKept("lib_queue", "end")
	failedScript     = newScript("lib_clock", "lib_packed", "failed")
	backlogsScript   = newScript("lib_clock", "backlogs")
	requeueScript    = newKept("lib_queue", "requeue")
	makeDueScript    = newKept("lib_queue", "make_due")
	waitingScript    = newScript("lib_clock", "lib_queue", "lib_waiting", "waiting")
	jobsOfScript     = newScript("lib_clock", "lib_queue", "jobs_of")
	runNowScript     = newWriter("lib_queue", "lib_waiting", "run_now")

	acquireScript        = newWriter("lib_limits", "acquire")
	undoScript           = newWriter("lib_limits", "undo")
	setNXScript          = newKept("setnx")
	compareAndSwapScript = newKept("compare_and_swap")
	countsScript         = newScript("lib_clock", "lib_counts", "counts")
	setMarkScript        = newKept("set_mark")

	readyScript = newScript("ready")
	typesScript = newScript("types")
	shardScript = newKept("shard")
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
