package redis

import (
	"crypto/sha1" // #nosec G505 -- Redis names scripts by it
	_ "embed"
	"encoding/hex"
)

// script is one Lua script. Its first argument is always "again": "1" if an earlier attempt may have run.
type script struct {
	body string
	sha  string
}

func newScript(parts ...string) script {
	var body string
	for _, p := range parts {
		body += p
	}
	sum := sha1.Sum([]byte(body)) // #nosec G401 -- Redis names scripts by it
	return script{body: body, sha: hex.EncodeToString(sum[:])}
}

var (
	//go:embed lua/value.lua
	luaValue string
	//go:embed lua/settling.lua
	luaSettling string
	//go:embed lua/commit.lua
	luaCommit string
	//go:embed lua/extend.lua
	luaExtend string
	//go:embed lua/settle.lua
	luaSettle string
	//go:embed lua/peek.lua
	luaPeek string
	//go:embed lua/lease.lua
	luaLease string
	//go:embed lua/waiting.lua
	luaWaiting string
	//go:embed lua/waits.lua
	luaWaits string
	//go:embed lua/hasten.lua
	luaHasten string
	//go:embed lua/acquire.lua
	luaAcquire string
	//go:embed lua/order.lua
	luaOrder string
	//go:embed lua/list.lua
	luaList string
	//go:embed lua/sweep.lua
	luaSweep string
	//go:embed lua/counts.lua
	luaCounts string
	//go:embed lua/place.lua
	luaPlace string
	//go:embed lua/parked.lua
	luaParked string
	//go:embed lua/revive.lua
	luaRevive string
	//go:embed lua/reserve.lua
	luaReserve string
	//go:embed lua/replace.lua
	luaReplace string
)

var (
	commitScript  = newScript(luaValue, luaSettling, luaCommit)
	extendScript  = newScript(luaValue, luaExtend)
	settleScript  = newScript(luaValue, luaSettling, luaSettle)
	peekScript    = newScript(luaValue, luaPeek)
	leaseScript   = newScript(luaValue, luaLease)
	waitsScript   = newScript(luaValue, luaWaiting, luaWaits)
	hastenScript  = newScript(luaValue, luaWaiting, luaHasten)
	acquireScript = newScript(luaAcquire)
	listScript    = newScript(luaOrder, luaList)
	sweepScript   = newScript(luaValue, luaSweep)
	countsScript  = newScript(luaCounts)
	placeScript   = newScript(luaPlace)
	parkedScript  = newScript(luaOrder, luaParked)
	reviveScript  = newScript(luaValue, luaRevive)
	reserveScript = newScript(luaReserve)
	replaceScript = newScript(luaReplace)
)

func scripts() []script {
	return []script{
		commitScript, extendScript, settleScript, peekScript, leaseScript, waitsScript, hastenScript,
		acquireScript, listScript, sweepScript, countsScript, placeScript, parkedScript, reviveScript, reserveScript, replaceScript,
	}
}
