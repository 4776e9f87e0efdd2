package bench

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	goredis "github.com/redis/go-redis/v9"

	"github.com/optin/optin/internal/childtest"
)

// floors is a process that does the same work as optin with as little as it takes: it parses the same requests with the
// same framework, and writes rows of the same sizes or sends emails of the same size, without any rule, check or index
// that a reader would need. It is this test's own program, started again, so that its processor time is counted apart.
type floors struct {
	*process
	addr string
}

// floorsVariable is the environment variable that makes the test's program serve the floors at an address.
const floorsVariable = "OPTIN_BENCH_FLOORS"

func startFloors(t testing.TB) *floors {
	t.Helper()
	f := &floors{addr: childtest.FreeAddr(t)}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), floorsVariable+"="+f.addr)
	f.process = startProcess(t, os.DevNull, cmd)
	poll(t, "the floors listen", func() bool {
		c, err := net.Dial("tcp", f.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return f
}

// post sends signups, or lookups, to a handler.
func (f *floors) post(t testing.TB, path string, connections, n, status int) load {
	t.Helper()
	return send(t, f.addr, connections, n, status, func(i int) []byte {
		if status == http.StatusOK {
			return lookupOf(path, i)
		}
		return signupOf(path, i)
	}, nil)
}

// run has the process do something n times by itself.
func (f *floors) run(t testing.TB, what string, n int, args url.Values) load {
	t.Helper()
	args.Set("n", strconv.Itoa(n))
	res, err := http.PostForm("http://"+f.addr+"/"+what, args)
	must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", what, res.Status, body)
	}
	took, err := time.ParseDuration(string(body))
	must(t, err)
	return load{n: n, took: took}
}

// serveFloors is the program of the process.
func serveFloors(addr string) error {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	s := &echoFloors{}
	e.POST("/parse", s.parse)
	e.POST("/script", s.script)
	e.POST("/get", s.get)
	e.POST("/connect", timed(s.connect))
	e.POST("/sqlite", timed(sqliteFloor))
	e.POST("/raw", timed(rawFloor))
	e.POST("/go-mail", timed(goMailFloor))
	return e.Start(addr)
}

// timed is a handler that does something and returns how long it took. What f returns runs on the clock.
func timed(f func(ctx context.Context, args url.Values) (func() error, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		args, err := c.FormParams()
		if err != nil {
			return err
		}
		run, err := f(c.Request().Context(), args)
		if err != nil {
			return echo.NewHTTPError(http.StatusInternalServerError, err.Error())
		}
		began := time.Now()
		if err := run(); err != nil {
			return echo.NewHTTPError(http.StatusInternalServerError, err.Error())
		}
		return c.String(http.StatusOK, time.Since(began).String())
	}
}

// echoFloors are handlers of requests to optin that do not do what optin does.
type echoFloors struct{ client *goredis.Client }

// signupBody is the body of a signup.
type signupBody struct {
	Email   string `json:"email"`
	Consent bool   `json:"consent"`
	Locale  string `json:"locale"`
	Source  string `json:"source"`
}

var accepted = map[string]string{"status": "accepted"}

// parse only reads the signup.
func (s *echoFloors) parse(c echo.Context) error {
	var in signupBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, accepted)
}

// connect connects to a Redis server, in a database that nobody else uses, and empties that.
func (s *echoFloors) connect(ctx context.Context, args url.Values) (func() error, error) {
	if s.client != nil {
		s.client.Close()
	}
	s.client = goredis.NewClient(&goredis.Options{Addr: args.Get("to"), DB: 1, PoolSize: 64, DisableIdentity: true})
	if err := s.client.FlushDB(ctx).Err(); err != nil {
		return nil, err
	}
	if err := s.client.ScriptLoad(ctx, sameRows).Err(); err != nil {
		return nil, err
	}
	return func() error { return s.client.Set(ctx, "known", make([]byte, recordHead+pendingBytes), 0).Err() }, nil
}

// Sizes of what a signup writes, in bytes, as TestTheFloorsWriteAsMuch compares them.
const (
	recordBytes  = 235 // the sealed record
	jobBytes     = 72  // the body of the job of its email
	logBytes     = 14  // a bucket whose limit is exact
	slicesBytes  = 230 // a bucket of a limit of thousands
	countsBytes  = 40  // the counts of the day
	recordHead   = 40  // what Redis keeps with a record: its version and times
	jobHead      = 75  // and with a job: its queue, its record and its lease
	pendingBytes = 400 // the sealed record when the email has gone
)

// sameRows writes what a signup writes to Redis, unchecked: two buckets of the client, three of site, service and
// surge, the record and its mailbox's bucket, its places in an index, among the timers and the due queues, the job and
// its place in the queue, and the counts.
const sameRows = `
redis.call('SET', KEYS[1], ARGV[3], 'PX', 60000)
redis.call('SET', KEYS[2], ARGV[3], 'PX', 60000)
redis.call('SET', 'emails', ARGV[4], 'PX', 60000)
redis.call('SET', 'site', ARGV[4], 'PX', 60000)
redis.call('SET', 'surge', ARGV[4], 'PX', 600000)
redis.call('HSET', 'records', ARGV[1], ARGV[2])
redis.call('ZADD', 'index', 0, ARGV[1])
redis.call('SADD', 'states', 'pending')
redis.call('ZADD', 'timers', 0, ARGV[1])
redis.call('ZADD', 'due', 'LT', ARGV[5] + 86400000, 'timer')
redis.call('SET', KEYS[3], ARGV[3], 'PX', 86400000)
redis.call('HSET', 'jobs', ARGV[1], ARGV[6])
redis.call('ZADD', 'queue', ARGV[5], ARGV[1])
redis.call('ZADD', 'due', 'LT', ARGV[5], 'email')
redis.call('HSET', 'counts', 'today', ARGV[7])
return 1`

var sameRowsScript = goredis.NewScript(sameRows)

// script reads the signup and runs one script.
func (s *echoFloors) script(c echo.Context) error {
	var in signupBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	ip := c.Request().Header.Get(echo.HeaderXForwardedFor)
	id := in.Email + "-and-more"
	err := sameRowsScript.EvalSha(c.Request().Context(), s.client,
		[]string{"ip/" + ip, "network/" + ip, "mailbox/" + id},
		id, make([]byte, recordHead+recordBytes), make([]byte, logBytes), make([]byte, slicesBytes),
		time.Now().UnixMilli(), make([]byte, jobHead+jobBytes), make([]byte, countsBytes)).Err()
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, accepted)
}

// get reads a lookup, gets a record, and responds with as much as optin does.
func (s *echoFloors) get(c echo.Context) error {
	var in struct {
		Email string `json:"email"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	if err := s.client.Get(c.Request().Context(), "known").Err(); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, lookupResponse)
}

// lookupBytes is the size of the response to a lookup of a person with one purpose.
const lookupBytes = 450

var lookupResponse = map[string]string{"state": strings.Repeat("s", lookupBytes-13)}

func number(args url.Values, name string) int {
	n, _ := strconv.Atoi(args.Get(name))
	return n
}
