package templates

import "sync"

// What is kept: a mould for every language of every combination of purposes of a site, of every letter. A request chooses its
// combination, so their number has a bound.
const (
	maxMoulds   = 512
	maxMould    = 64 << 10 // of both bodies, in bytes
	maxLikeness = 8 << 10  // of what letters of one mould have in common, in bytes
)

// moulds are those made so far. Its zero value is ready, and it is safe for concurrent use.
type moulds struct {
	mu   sync.RWMutex
	kept map[string]*mould // by what Letter.appendRest appends; nil: there can be none
}

func (k *moulds) get(like []byte) (m *mould, known bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	m, known = k.kept[string(like)]
	return m, known
}

// keep forgets all others when there are too many: they are soon made again.
func (k *moulds) keep(like []byte, m *mould) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept == nil || len(k.kept) >= maxMoulds {
		k.kept = map[string]*mould{}
	}
	k.kept[string(like)] = m
}
