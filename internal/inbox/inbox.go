// Package inbox is a mailbox for demos, previews and tests: an SMTP server that keeps the emails it is given in memory,
// and pages that show them.
//
// What it promises:
//
//   - Every email that an SMTP client was told is accepted (250) can be read here, until MaxEmails newer ones have
//     arrived, it is deleted, or the program ends. Nothing is written to disk and nothing is passed on.
//   - An email is kept as it arrived, byte for byte, even if it cannot be parsed; Message.Err then says why.
//   - An email over MaxBytes is refused with 552, and more than MaxRecipients recipients with 452. Nothing else
//     is refused, unless Refuse says so.
//   - Emails are hostile input. The pages run no script, load nothing from elsewhere, and show an email's HTML only in
//     a sandboxed frame without an origin. Its links work all the same, in the top window.
//   - The pages work without JavaScript.
//
// It offers neither STARTTLS nor AUTH, and lets anybody send: listen on a loopback address only, and show the pages
// only to people who may read the emails.
package inbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Limits of what is kept.
const (
	MaxEmails     = 500     // the oldest make room for newer ones
	MaxBytes      = 1 << 20 // of one email as it is sent; announced as SIZE (RFC 1870)
	MaxRecipients = 100     // of one email (RFC 5321 section 4.5.3.1.8 asks for no fewer)
)

// ErrClosed says that the inbox was closed before the email arrived.
var ErrClosed = errors.New("inbox: closed")

// Option configures an inbox.
type Option func(*Inbox)

// SignUpAt sets the address of a signup form (such as "/s/demo"), which the empty inbox links to.
func SignUpAt(url string) Option { return func(i *Inbox) { i.signUp = url } }

// Icon sets the path of the icon that browsers show for the pages.
func Icon(path string) Option { return func(i *Inbox) { i.icon = path } }

// Clock sets the clock for the arrival times of emails. The pages show times in the location that it returns. The
// default is time.Now.
func Clock(now func() time.Time) Option { return func(i *Inbox) { i.now = now } }

// Refusal is the reply to RCPT for a recipient whose emails an inbox does not take.
type Refusal struct {
	Code     int    // 4yz: not now; 5yz: never
	Enhanced [3]int // enhanced status code (RFC 3463)
	Words    string
}

// Refuse sets a function that returns how a recipient is refused; nil: it is accepted. By default all
// are. It is called by several connections at once.
func Refuse(ask func(to string) *Refusal) Option { return func(i *Inbox) { i.refuse = ask } }

// Inbox receives and keeps emails. All methods may be called from any goroutine.
type Inbox struct {
	signUp string
	icon   string // may be empty
	now    func() time.Time
	refuse func(to string) *Refusal

	server   *smtp.Server
	listener *listener
	served   chan struct{} // closed when the server no longer accepts connections
	closing  sync.Once

	mu       sync.Mutex
	messages []Message     // oldest first; their numbers are consecutive and end with count
	count    int           // emails ever received
	changed  chan struct{} // closed and replaced when an email arrives, closed for good by Close
	closed   bool
}

// Open listens on addr ("127.0.0.1:0" picks a free port) and starts to serve.
func Open(addr string, options ...Option) (*Inbox, error) {
	i := &Inbox{
		now: time.Now, refuse: func(string) *Refusal { return nil },
		served: make(chan struct{}), changed: make(chan struct{}),
	}
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

// Addr returns the host:port that receives mail, as in an smtp:// URL.
func (i *Inbox) Addr() string { return i.listener.Addr().String() }

// Close stops receiving, closes open connections and ends every Wait. Emails that arrived can still be read. Closing
// again does nothing.
func (i *Inbox) Close() error {
	i.closing.Do(func() {
		_ = i.listener.stop() // it is closed either way
		<-i.served
		// Every connection is closed, so their handlers are about to return: this waits for the last of them.
		_ = i.server.Shutdown(context.Background())
		i.mu.Lock()
		defer i.mu.Unlock()
		i.closed = true
		close(i.changed)
	})
	return nil
}

// Messages returns copies of the emails, newest first.
func (i *Inbox) Messages() []Message {
	messages, _ := i.snapshot()
	out := make([]Message, 0, len(messages))
	for n := len(messages) - 1; n >= 0; n-- {
		out = append(out, messages[n].clone())
	}
	return out
}

// Message returns a copy of one email, and whether it is still here.
func (i *Inbox) Message(id string) (Message, bool) {
	m, ok := i.find(id)
	return m.clone(), ok
}

// Clear deletes every email.
func (i *Inbox) Clear() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.messages = nil
}

// Wait returns a copy of the first email, in the order of arrival, that matches: one that is here, or else the next
// that arrives. The error wraps the context's if that ends first, or is ErrClosed. Wait calls match once for each
// email; match may use the inbox. An email that arrives and is pushed out while match runs may be missed.
func (i *Inbox) Wait(ctx context.Context, match func(Message) bool) (Message, error) {
	for seen := 0; ; {
		i.mu.Lock()
		first := i.count - len(i.messages)
		fresh := i.messages[max(0, seen-first):]
		seen = i.count
		changed, closed := i.changed, i.closed
		i.mu.Unlock()

		for _, m := range fresh {
			if match(m.clone()) {
				return m.clone(), nil
			}
		}
		if closed {
			return Message{}, ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("inbox: none of %d emails matched: %w", seen, ctx.Err())
		}
	}
}

// add keeps an email and wakes every Wait.
func (i *Inbox) add(m Message) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.count++
	m.ID = strconv.Itoa(i.count)
	m.At = i.now()
	// A new array each time: a snapshot does not change, and does not hold an email in memory that made room.
	messages := i.messages[max(0, len(i.messages)+1-MaxEmails):]
	i.messages = append(messages[:len(messages):len(messages)], m)
	if !i.closed {
		close(i.changed)
		i.changed = make(chan struct{})
	}
}

// snapshot returns the emails, oldest first, and how many ever arrived. The slice is shared and must not be changed.
func (i *Inbox) snapshot() ([]Message, int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.messages, i.count
}

func (i *Inbox) find(id string) (Message, bool) {
	messages, _ := i.snapshot()
	for _, m := range messages {
		if m.ID == id {
			return m, true
		}
	}
	return Message{}, false
}
