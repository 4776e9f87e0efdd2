package main

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/optin/optin/internal/childtest"
)

// disk is a file system on a block device whose power can be cut: what it was not told to keep by then is gone.
type disk struct {
	t     *testing.T
	image string // what the device has
	dir   string // where it is mounted
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	childtest.Need(t, "mkfs.ext4")
	folder := t.TempDir()
	d := &disk{t: t, image: filepath.Join(folder, "image"), dir: filepath.Join(folder, "disk")}
	must(t, os.WriteFile(d.image, nil, 0o600))
	must(t, os.Truncate(d.image, 64<<20))
	if said, err := exec.Command("mkfs.ext4", "-q", "-F", d.image).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	must(t, os.Mkdir(d.dir, 0o700))
	if said, err := d.mount(); err != nil {
		t.Skipf("this process may mount nothing, which needs root and a loop device: %v: %s", err, said)
	}
	t.Cleanup(d.unmount)
	return d
}

func (d *disk) mount() ([]byte, error) {
	return exec.Command("mount", "-o", "loop", d.image, d.dir).CombinedOutput()
}

func (d *disk) unmount() {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		said, err := exec.Command("umount", d.dir).CombinedOutput()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			d.t.Fatalf("%v: %s", err, said)
		}
	}
}

// cut cuts the power of a machine with this disk and these processes: they stop at one moment, and go on with nothing
// but what the device had by then.
func (d *disk) cut(processes ...*os.Process) {
	d.t.Helper()
	for _, p := range processes {
		must(d.t, p.Signal(syscall.SIGSTOP))
	}
	kept := d.image + ".kept"
	for sum := d.copyTo(kept); ; { // until nothing that was on its way to the device arrived meanwhile
		again := d.copyTo(kept)
		if bytes.Equal(sum, again) {
			break
		}
		sum = again
	}
	for _, p := range processes {
		must(d.t, p.Kill())
		_, _ = p.Wait()
	}
	d.unmount()
	must(d.t, os.Rename(kept, d.image))
	if said, err := d.mount(); err != nil {
		d.t.Fatalf("%v: %s", err, said)
	}
}

// copyTo copies what the device has, and returns its hash.
func (d *disk) copyTo(name string) []byte {
	d.t.Helper()
	from, err := os.Open(d.image)
	must(d.t, err)
	defer from.Close()
	to, err := os.Create(name)
	must(d.t, err)
	defer to.Close()
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(to, sum), from)
	must(d.t, err)
	return sum.Sum(nil)
}

// powered keeps the store that the test is named after on a disk. It returns its URL, what starts its server again, and
// the processes of the server.
func powered(t *testing.T, d *disk, durability string) (url string, start func(), processes func() []*os.Process) {
	t.Helper()
	if strings.HasSuffix(t.Name(), "/sqlite") {
		url = "sqlite://" + d.dir + "/optin.db?durability=" + durability
		return url, func() {}, func() []*os.Process { return nil }
	}
	childtest.Need(t, "redis-server")
	sync := map[string]string{"always": "always", "none": "no"}[durability]
	r := &redisChild{t: t, addr: childtest.FreeAddr(t), dir: d.dir, args: []string{"--appendfsync", sync}}
	r.start()
	t.Cleanup(r.kill)
	running := func() []*os.Process { return []*os.Process{r.cmd.Process} }
	return r.url() + "?durability=" + durability, r.start, running
}

func TestAPowerCutLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"sqlite", "redis"} {
		t.Run(store, func(t *testing.T) {
			d := newDisk(t)
			url, start, processes := powered(t, d, "always")
			e := newEnv(t, url)
			e.leaseFor, e.relayAddr = 3*time.Second, slowRelay(t, e.mail.Addr(), 4*time.Millisecond)
			hook := newEndpoint(t)
			e.siteYAML = hook.yaml()
			p := e.launch(e.listen)
			ready := func() {
				a := e.actor(e.listen)
				a.eventually("ready", func() bool { return a.status("/readyz") == http.StatusOK })
			}
			ready()
			l := newLoad(t, e)
			moments := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
			cuts := size(2, 100)
			for range cuts {
				l.waitToKill(moments)
				d.cut(append(processes(), p.cmd.Process)...)
				l.kills = append(l.kills, time.Now())
				start()
				p = e.launch(e.listen)
				ready()
			}
			l.stop()
			l.wantLoad(3 * cuts)
			l.wantEveryEmail(30 * time.Second)
			l.wantNothingLost()
			l.wantEveryEvent(hook)
			p.stop()
			l.wantNoExtraEmail()
		})
	}
}

// TestAPowerCutLosesWhatNobodyWasToldToKeep shows that the disk above forgets: without synchronous commits people are
// lost by it.
func TestAPowerCutLosesWhatNobodyWasToldToKeep(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"sqlite", "redis"} {
		t.Run(store, func(t *testing.T) {
			d := newDisk(t)
			url, start, processes := powered(t, d, "none")
			e := newEnv(t, url)
			p, a := e.spawn(e.listen)
			for _, email := range []string{"ada@people.test", "bob@people.test"} {
				a.SignUp(email)
				a.Confirm(confirmLink(a.Email(email)))
			}
			d.cut(append(processes(), p.cmd.Process)...)
			start()
			p = e.launch(e.listen)
			ended := false // it refuses what is left of the store
			a.eventually("it answers or ends", func() bool {
				select {
				case <-p.done:
					ended = true
				default:
				}
				return ended || a.status("/healthz") == http.StatusOK
			})
			if !ended && a.status("/readyz") == http.StatusOK && a.Lookup("bob@people.test").State == "confirmed" {
				t.Error("nobody is lost, so this disk is no test")
			}
		})
	}
}
