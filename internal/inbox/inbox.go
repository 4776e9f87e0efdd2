// Package inbox is a mailbox for demos, previews and tests: an SMTP server that keeps the letters it is given in
// memory, and pages that show them.
//
// What it promises:
//
//   - Every letter that an SMTP client was told is accepted (250) can be read here, until MaxEmails newer ones have
//     come, it is deleted, or the program ends. Nothing is written to disk and nothing is passed on.
//   - A letter is kept as it came, byte for byte, even when it cannot be parsed; Letter.Err then says why.
//   - A letter over MaxBytes is refused with 552, and more than MaxRecipients recipients with 452.
//   - Letters are hostile input. The pages run no script, load nothing from elsewhere, and show a letter's HTML only in
//     a sandboxed frame without an origin; its links work all the same, in the top window.
//   - The pages work without JavaScript.
//
// It offers neither STARTTLS nor AUTH and asks nobody who they are: listen on a loopback address only, and show the
// pages to nobody who may not read the letters.
package inbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Bounds on what is kept.
const (
	MaxEmails     = 500     // the oldest make room
	MaxBytes      = 1 << 20 // of one letter as it came over the wire; announced as SIZE (RFC 1870)
	MaxRecipients = 100     // of one letter (RFC 5321 section 4.5.3.1.8 asks for no fewer)
)

// ErrClosed says that the inbox was closed before the letter came.
var ErrClosed = errors.New("inbox: closed")

// Option changes how an inbox is opened.
type Option func(*Inbox)

// SignUpAt gives the address of a signup form (such as "/s/demo"), which the empty inbox links to.
func SignUpAt(url string) Option { return func(i *Inbox) { i.signUp = url } }

// Clock gives the time that letters are stamped with; the location it carries is the one the pages show. The default
// is time.Now.
func Clock(now func() time.Time) Option { return func(i *Inbox) { i.now = now } }

// Inbox receives and keeps letters. All methods may be called from any goroutine.
type Inbox struct {
	signUp string
	now    func() time.Time

	server   *smtp.Server
	listener *listener
	served   chan struct{} // closed when the server accepts no more
	closing  sync.Once

	mu      sync.Mutex
	letters []Message     // oldest first; their numbers follow one another and end with count
	count   int           // letters ever received
	changed chan struct{} // closed and replaced when a letter comes, closed for good by Close
	closed  bool
}

// Open listens on addr ("127.0.0.1:0" picks a free port) and serves at once.
func Open(addr string, options ...Option) (*Inbox, error) {
	i := &Inbox{now: time.Now, served: make(chan struct{}), changed: make(chan struct{})}
	for _, o := range options {
		o(i)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("inbox: cannot receive mail on %s: %w", addr, err)
	}
	i.listener = newListener(l)
	i.server = newServer(i)
	go func() {
		defer close(i.served)
		_ = i.server.Serve(i.listener) // ends only when Close has closed the listener
	}()
	return i, nil
}

// Addr is the host:port that receives mail, as it stands in an smtp:// URL.
func (i *Inbox) Addr() string { return i.listener.Addr().String() }

// Close stops receiving, cuts open connections and ends every Wait. What came can still be read. Closing again does nothing.
func (i *Inbox) Close() error {
	i.closing.Do(func() {
		_ = i.listener.stop() // it is closed either way
		<-i.served
		// Every connection is cut, so their handlers are on their way out: this waits for the last of them.
		_ = i.server.Shutdown(context.Background())
		i.mu.Lock()
		defer i.mu.Unlock()
		i.closed = true
		close(i.changed)
	})
	return nil
}
