package mailer

// Waiting returns how many emails wait for a connection to the first relay.
func (m *Mailer) Waiting() int {
	p := m.relays[0].pool
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting)
}
