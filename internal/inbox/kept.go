package inbox

import (
	"context"
	"fmt"
	"strconv"
)

// Letters returns copies of what is kept, newest first.
func (i *Inbox) Messages() []Message {
	kept, _ := i.snapshot()
	out := make([]Message, 0, len(kept))
	for n := len(kept) - 1; n >= 0; n-- {
		out = append(out, kept[n].clone())
	}
	return out
}

// Letter returns a copy of one letter, and whether it is still here.
func (i *Inbox) Message(id string) (Message, bool) {
	l, ok := i.find(id)
	return l.clone(), ok
}

// Clear deletes every letter.
func (i *Inbox) Clear() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.letters = nil
}

// Wait returns a copy of the first letter, in the order of arrival, that matches: one that is here, or else the next
// that comes. Its error wraps the context's when that ends first, or is ErrClosed. match is called once for each letter
// and may use the inbox. A letter that comes and is pushed out while match is at work may be missed.
func (i *Inbox) Wait(ctx context.Context, match func(Message) bool) (Message, error) {
	for seen := 0; ; {
		i.mu.Lock()
		first := i.count - len(i.letters)
		fresh := i.letters[max(0, seen-first):]
		seen = i.count
		changed, closed := i.changed, i.closed
		i.mu.Unlock()

		for _, l := range fresh {
			if match(l.clone()) {
				return l.clone(), nil
			}
		}
		if closed {
			return Message{}, ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("inbox: none of %d letters was the one waited for: %w", seen, ctx.Err())
		}
	}
}

// keep takes a letter in and wakes who waits for it.
func (i *Inbox) keep(l Message) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.count++
	l.ID = strconv.Itoa(i.count)
	l.At = i.now()
	// A new array each time: a snapshot stays what it was, and a letter that made room is not held in memory by it.
	kept := i.letters[max(0, len(i.letters)+1-MaxEmails):]
	i.letters = append(kept[:len(kept):len(kept)], l)
	if !i.closed {
		close(i.changed)
		i.changed = make(chan struct{})
	}
}

// snapshot returns what is kept, oldest first, and how many letters ever came. It is shared: not to be changed.
func (i *Inbox) snapshot() ([]Message, int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.letters, i.count
}

func (i *Inbox) find(id string) (Message, bool) {
	kept, _ := i.snapshot()
	for _, l := range kept {
		if l.ID == id {
			return l, true
		}
	}
	return Message{}, false
}
