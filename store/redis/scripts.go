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
	sum := sha1.Sum(body) // #nosec G401 -- Redis names scripts by it
	return script{body: string(body), sha: hex.EncodeToString(sum[:])}
}

var (
	commitScript         = newScript("lib_value", "lib_end", "commit")
	listScript           = newScript("lib_order", "list")
	sweepScript          = newScript("lib_value", "sweep")
	dueScript            = newScript("lib_value", "due")
	leaseScript          = newScript("lib_value", "lease")
	renewLeaseScript     = newScript("lib_value", "renew_lease")
	endScript            = newScript("lib_value", "lib_end", "end")
	failedScript         = newScript("lib_order", "failed")
	findFailedScript     = newScript("find_failed")
	requeueScript        = newScript("lib_value", "requeue")
	waitingScript        = newScript("lib_value", "lib_waiting", "waiting")
	runNowScript         = newScript("lib_value", "lib_waiting", "run_now")
	acquireScript        = newScript("acquire")
	setNXScript          = newScript("setnx")
	compareAndSwapScript = newScript("compare_and_swap")
	countsScript         = newScript("counts")
)

func scripts() []script {
	return []script{
		commitScript, listScript, sweepScript, dueScript, leaseScript, renewLeaseScript, endScript, failedScript,
		findFailedScript, requeueScript, waitingScript, runNowScript, acquireScript, setNXScript, compareAndSwapScript,
		countsScript,
	}
}
