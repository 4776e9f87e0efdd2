package consentlog

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"sync"
	"time"
)

// The file of keys has a slot for each person: the keyed id (16 bytes), the key (32), and when the key was destroyed
// (ms since 1970, 8 bytes). A destroyed key is zeros; its slot is never used again. If the person comes back, they have
// another slot, with the time of their erasure negated, by which a late leaf from before the erasure is recognised.
const slotSize = 16 + 32 + 8

// noSlot is the slot of what is sealed under the service's key, or under none.
const noSlot = ^uint32(0)

// people are the keys of persons.
type people struct {
	path string

	mu    sync.Mutex
	all   []byte
	index map[Person]uint32 // the last slot of each; nil: nobody has asked yet
}

func (l *Log) openPeople() (*people, error) {
	path := l.keysPath()
	all, err := readFrom(path, 0)
	// What a crash cut short was used for nothing yet.
	return &people{path: path, all: all[:len(all)-len(all)%slotSize]}, err
}

// latest returns the last slot of each person. It takes long for many people, and opening records does not need it.
func (p *people) latest() map[Person]uint32 {
	if p.index == nil {
		p.index = make(map[Person]uint32, len(p.all)/slotSize)
		for n := range len(p.all) / slotSize {
			p.index[Person(p.all[n*slotSize:])] = uint32(n)
		}
	}
	return p.index
}

// complete returns an error if there are fewer slots than leaves name: the file was lost or cut, or is an older copy,
// and who comes next must not be given a slot that stands for somebody else. If the operator has said that there is no
// better copy, by a file of the same name and ".lost", the missing keys are destroyed ones from then on.
func (p *people) complete(slots int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := len(p.all)
	missing := slots - before/slotSize
	if missing <= 0 {
		return nil
	}
	said := p.path + lostSuffix
	if _, err := os.Stat(said); err != nil {
		return lacks(p.path, missing, slots)
	}
	for range missing {
		p.add(Person{}, [32]byte{}, time.Now().UnixMilli())
	}
	if err := writeAt(p.path, int64(before), p.all[before:]); err != nil {
		return err
	}
	if err := os.Remove(said); err != nil {
		return fmt.Errorf("consentlog: %w", err)
	}
	return nil
}

// lostSuffix is that of the file by which an operator says that keys are lost for good.
const lostSuffix = ".lost"

// lacks is the error of a file of keys that lacks some.
func lacks(path string, missing, of int) error {
	return fmt.Errorf("%w: %s lacks %d of %d keys: put its newest copy back; if there is none with more of them, "+
		"say so with: touch %s (what those persons decided can then not be restored from the log)",
		ErrDamaged, path, missing, of, path+lostSuffix)
}

// keysIn returns how many slots a file of keys has; 0: there is none.
func keysIn(path string) (int, error) {
	is, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("consentlog: %w", err)
	}
	return int(is.Size() / slotSize), nil
}

// inPlace returns an error if the file has fewer slots than this process has read or written, or than leaves name: it
// was lost or cut since. To write into what is left would begin it anew.
func (p *people) inPlace(slots int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := max(slots, len(p.all)/slotSize)
	n, err := keysIn(p.path)
	if err == nil && n < of {
		err = lacks(p.path, of-n, of)
	}
	return err
}

// erased returns when the person of a slot was erased last, 0 for never, and whether the slot's key was destroyed then.
func (p *people) erased(slot uint32) (at int64, destroyed bool) {
	at = int64(binary.BigEndian.Uint64(p.all[int(slot)*slotSize+48:]))
	return max(at, -at), at > 0
}

// add gives a person a slot, in memory alone.
func (p *people) add(who Person, key [32]byte, at int64) uint32 {
	slot := uint32(len(p.all) / slotSize)
	p.all = append(append(p.all, who[:]...), key[:]...)
	p.all = binary.BigEndian.AppendUint64(p.all, uint64(at))
	p.latest()[who] = slot
	return slot
}

// slots returns the slot of each leaf's person; if they had no key, it is made and on the disk. A leaf of
// something that happened before its person was erased has none: it came late.
func (p *people) slots(leaves []Leaf) ([]uint32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	slots, before, former := make([]uint32, len(leaves)), len(p.all), map[Person]uint32{}
	for i, leaf := range leaves {
		slots[i] = noSlot
		if leaf.Erases {
			continue
		}
		var erased int64
		slot, known := p.latest()[leaf.Person]
		if known {
			var destroyed bool
			erased, destroyed = p.erased(slot)
			if erased != 0 && leaf.At <= erased {
				continue
			}
			if !destroyed {
				slots[i] = slot
				continue
			}
			former[leaf.Person] = slot
		}
		var key [32]byte
		_, _ = rand.Read(key[:])
		slots[i] = p.add(leaf.Person, key, -erased)
	}
	if len(p.all) == before {
		return slots, nil
	}
	if err := writeAt(p.path, int64(before), p.all[before:]); err != nil {
		for who, slot := range p.latest() {
			if int(slot) >= before/slotSize {
				delete(p.latest(), who) // the next attempt makes other keys
			}
		}
		maps.Copy(p.latest(), former)
		p.all = p.all[:before]
		return nil, err
	}
	return slots, nil
}

// destroy destroys the key of a person who was erased at a time, on the disk as well. Doing it again changes nothing,
// also if the person has come back since.
func (p *people) destroy(who Person, at int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	slot, known := p.latest()[who]
	if !known {
		slot = uint32(len(p.all) / slotSize)
	} else if erased, _ := p.erased(slot); erased >= at {
		return nil
	}
	destroyed := append(who[:], make([]byte, slotSize-16)...)
	binary.BigEndian.PutUint64(destroyed[48:], uint64(at))
	from := int(slot) * slotSize
	f, err := os.OpenFile(p.path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_, err = f.WriteAt(destroyed, int64(from))
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return fmt.Errorf("consentlog: destroy a key: %w", err)
	}
	if !known { // later leaves of what happened before must not make a key: the slot notes when that was
		p.add(who, [32]byte{}, at)
		return nil
	}
	copy(p.all[from:], destroyed)
	return nil
}

// of returns the slots of a person whose keys were not destroyed.
func (p *people) of(who Person) map[uint32]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	slot, known := p.latest()[who]
	if !known {
		return nil
	}
	if _, destroyed := p.erased(slot); destroyed {
		return nil
	}
	return map[uint32]bool{slot: true}
}

// key returns the cipher and the person of a slot; nil if the key was destroyed.
func (p *people) key(slot uint32) (cipher.AEAD, Person, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if int(slot) >= len(p.all)/slotSize {
		return nil, Person{}, errors.New("its key is missing from the file of keys")
	}
	if _, destroyed := p.erased(slot); destroyed {
		return nil, Person{}, nil
	}
	at := p.all[int(slot)*slotSize:]
	block, err := aes.NewCipher(at[16:48])
	if err != nil {
		return nil, Person{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return aead, Person(at[:16]), err
}

// DestroyKey erases a person from the log: nothing that is sealed beside their leaves opens any more.
func (l *Log) DestroyKey(who Person, at int64) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if err := l.people.inPlace(l.slots); err != nil {
		return err
	}
	return l.people.destroy(who, at)
}

// seal seals the record of a leaf: under the person's key, and under the service's secret within. That of an erasure is
// under the service's secret alone. What came after its person was erased is not kept at all.
func (l *Log) seal(leaf Leaf, slot uint32, index int64) ([]byte, error) {
	plain := append([]byte{}, leaf.Salt[:]...)
	plain = append(plain, leaf.Person[:]...)
	plain = binary.AppendUvarint(plain, uint64(len(leaf.Record)))
	plain = append(append(plain, leaf.Record...), leaf.Rest...)
	if leaf.Erases {
		return l.erasures().Seal(plain), nil
	}
	if slot == noSlot {
		return nil, nil
	}
	aead, _, err := l.people.key(slot)
	if err != nil || aead == nil {
		return nil, fmt.Errorf("consentlog: no key to seal with: %w", err)
	}
	sealed := l.records().Seal(plain)
	return aead.Seal(nil, nil, sealed, binary.BigEndian.AppendUint64(nil, uint64(index))), nil
}

// open opens what seal sealed.
func (l *Log) open(keys *people, o *Opened, sealed []byte, slot uint32) error {
	if len(sealed) == 0 {
		return nil
	}
	var plain []byte
	if slot == noSlot {
		var err error
		if plain, err = l.erasures().Open(sealed); err != nil {
			return err
		}
	} else {
		aead, _, err := keys.key(slot)
		if err != nil || aead == nil {
			return err
		}
		inner, err := aead.Open(nil, nil, sealed, binary.BigEndian.AppendUint64(nil, uint64(o.Index)))
		if err == nil {
			plain, err = l.records().Open(inner)
		}
		if err != nil {
			return err
		}
	}
	if len(plain) < 49 {
		return ErrDamaged
	}
	o.Salt, o.Person = [32]byte(plain), Person(plain[32:])
	n, used := binary.Uvarint(plain[48:])
	rest := plain[48+max(used, 0):]
	if used <= 0 || n > uint64(len(rest)) {
		return ErrDamaged
	}
	o.Record, o.Rest = rest[:n], rest[n:]
	return nil
}
