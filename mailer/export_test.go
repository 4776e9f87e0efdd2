package mailer

// Waiting is how many letters wait for a connection to the first relay.
func (m *Mailer) Waiting() int {
	p := m.doors[0].pool
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting)
}
