package mailer

// Waiting returns how many emails wait for a connection to the first relay.
func (m *Mailer) Waiting() int {
	p := m.relays[0].pool
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting)
}

// Prompt reports whether the first idle connection to the first relay was answered soon, so that an email may follow
// the next one on it.
func (m *Mailer) Prompt() bool {
	p := m.relays[0].pool
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle) > 0 && p.idle[0].prompt
}
