package main

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestWhatIsToldInConfidenceStandsNowhere(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		folder := t.TempDir()
		testSealed(t, newWorld(t, "sqlite://"+filepath.Join(folder, "optin.db")), folder, func() {}, nil)
	})
	t.Run("redis", func(t *testing.T) {
		server := redisServer(t)
		dump := func() {
			server.ask("CONFIG SET rdbcompression no") // what is compressed cannot be searched
			if answer := server.ask("SAVE"); answer != "+OK\r\n" {
				t.Fatalf("SAVE answers %q", answer)
			}
		}
		testSealed(t, newWorld(t, server.url()), server.dir, dump, server.kill)
	})
}

// testSealed lets optin hear everything, work, fail and stop, and then looks for what it heard. dump completes what is in the store's
// folder; away, if there is any, takes the store away.
func testSealed(t *testing.T, w *world, folder string, dump, away func()) {
	w.top = "trusted_proxies: [127.0.0.0/8]\n"
	w.hook = newReceiver(t)
	w.hook.status = http.StatusInternalServerError // and it says again what it was told
	w.more = w.hook.yaml()
	p, a := w.spawn(w.listen)
	c := a.confide()
	said := map[string][]byte{"an error page": a.misbehave(c)}
	a.until("the website is told", func() bool { return len(w.hook.about(sealedLocal+"@"+sealedDomain)) > 0 })
	said["metrics"] = a.metrics()
	dump()
	searchFolder(t, c, folder, "while it runs")
	log := p.hush()

	w.smtp = refusingRelay(t)
	p, a = w.spawn(w.listen)
	a.signUpHosted(refusedLocal + "@" + sealedDomain)
	a.until("the refusal is noted", func() bool { return a.MayIWrite(refusedLocal+"@"+sealedDomain).State == "undeliverable" })
	a.until("the try is counted", func() bool { // a moment after it is noted
		said["more metrics"] = a.metrics()
		return bytes.Contains(said["more metrics"], []byte("optin_outbox_jobs_total"))
	})
	dump()
	if away != nil {
		away()
		said["an error page without a store"] = a.comeInVain(c)
	}
	said["the log"] = append(log, p.hush()...)
	searchFolder(t, c, folder, "afterwards")
	searchWords(t, c, said)
}

// hush stops a process, and answers all that it has said.
func (p *process) hush() []byte {
	p.t.Helper()
	if code := p.stops(); code != exitOK {
		p.t.Errorf("it ends with %d", code)
	}
	return []byte(p.stdout.String() + p.stderr.String())
}

// searchWords looks into what the program says. It may tell the domain of a masked address: "a…@example.org".
func searchWords(t *testing.T, c confidence, said map[string][]byte) {
	t.Helper()
	delete(c, "the domain")
	for where, text := range said {
		if kinds := c.found(text); len(kinds) > 0 {
			t.Errorf("%s holds %v", where, kinds)
		}
	}
	for where, known := range map[string]string{
		"the log": `"site":"gazette"`, "metrics": "optin_http_requests_total", "more metrics": "optin_outbox_jobs_total", "an error page": "404",
	} {
		if !bytes.Contains(said[where], []byte(known)) {
			t.Errorf("%s does not even hold %s: this test looks in the wrong place:\n%s", where, known, said[where])
		}
	}
}

// searchFolder looks into every file of a store.
func searchFolder(t *testing.T, c confidence, folder, when string) {
	t.Helper()
	var files []string
	known := false
	err := filepath.WalkDir(folder, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		files = append(files, filepath.Base(file))
		known = known || bytes.Contains(b, []byte("gazette"))
		if kinds := c.found(b); len(kinds) > 0 {
			slices.Sort(kinds)
			t.Errorf("%s, the store's file %s holds %v", when, filepath.Base(file), kinds)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%s: searched %v", when, files); !known {
		t.Errorf("not even the site's id is in the store's files %v: this test looks in the wrong place", files)
	}
}
