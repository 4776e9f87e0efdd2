package sqlite

import (
	"database/sql/driver"
	"strings"
	"sync"
)

const (
	selectNumber = "SELECT n FROM names WHERE name = ?"
	selectName   = "SELECT name FROM names WHERE n = ?"
	addName      = "INSERT INTO names (name) VALUES (?) RETURNING n"
)

// names keeps sites, states and queues as numbers: there are few of them, and they would be most of an index. A number
// is never changed or removed, so what was read once is known for ever.
type names struct {
	mu      sync.RWMutex
	numbers map[string]int64
	names   map[int64]string
}

func newNames() *names { return &names{numbers: map[string]int64{}, names: map[int64]string{}} }

// number returns the number of a name, 0 if it has none.
func (n *names) number(c *conn, name string) (int64, error) {
	n.mu.RLock()
	known := n.numbers[name]
	n.mu.RUnlock()
	if known != 0 {
		return known, nil
	}
	v, err := c.value(selectNumber, name)
	number := integer(v)
	if number != 0 {
		n.learn(number, name)
	}
	return number, err
}

// name returns the name with a number.
func (n *names) name(c *conn, number int64) (string, error) {
	n.mu.RLock()
	known, is := n.names[number]
	n.mu.RUnlock()
	if is {
		return known, nil
	}
	v, err := c.value(selectName, number)
	name, is := v.(string)
	if is {
		n.learn(number, name)
	}
	return name, err
}

func (n *names) learn(number int64, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name = strings.Clone(name)
	n.numbers[name], n.names[number] = number, name
}

// namesWithin are the names as a transaction has them. A name that it has added may yet be rolled back, so from then on
// nothing is learnt.
type namesWithin struct {
	conn   *conn
	shared *names
	added  bool // the transaction has added a name
}

// number returns the number of a name, 0 if it has none.
func (n *namesWithin) number(name string) (int64, error) {
	if !n.added {
		return n.shared.number(n.conn, name)
	}
	v, err := n.conn.value(selectNumber, name)
	return integer(v), err
}

// name returns the name with a number.
func (n *namesWithin) name(number int64) (string, error) {
	if !n.added {
		return n.shared.name(n.conn, number)
	}
	v, err := n.conn.value(selectName, number)
	return text(v), err
}

// number returns the number of a name, which it adds if there is none.
func (t *transaction) number(name string) (int64, error) {
	number, err := t.names.number(name)
	if err != nil || number != 0 {
		return number, err
	}
	if err := t.save(); err != nil {
		return 0, err
	}
	t.names.added, t.wrote = true, true
	v, err := t.value(addName, name)
	return integer(v), err
}

// packedID returns an ID as it is kept: one of 22 characters of base64url, as all keyed hashes are, in 17 bytes that
// have the order of the characters; any other as it is.
func packedID(id string) driver.Value {
	const length = 22
	if len(id) != length {
		return id
	}
	packed := make([]byte, 0, (6*length+7)/8)
	bits, n := uint(0), 0
	for i := range length {
		rank := ranks[id[i]]
		if rank == 0 {
			return id
		}
		bits, n = bits<<6|uint(rank-1), n+6
		if n >= 8 {
			n -= 8
			packed = append(packed, byte(bits>>n))
		}
	}
	return append(packed, byte(bits<<(8-n)))
}

// unpackedID is the reverse of packedID.
func unpackedID(v driver.Value) string {
	packed, is := v.([]byte)
	if !is {
		return text(v)
	}
	id := make([]byte, 0, len(packed)*8/6)
	bits, n := uint(0), 0
	for _, b := range packed {
		bits, n = bits<<8|uint(b), n+8
		for ; n >= 6 && len(id) < cap(id); n -= 6 {
			id = append(id, alphabet[bits>>(n-6)&63])
		}
	}
	return string(id)
}

// alphabet is that of base64url (RFC 4648, 5), in the order of its characters.
const alphabet = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

// ranks has the position of each character in the alphabet, plus 1.
var ranks = func() (ranks [256]byte) {
	for i, c := range []byte(alphabet) {
		ranks[c] = byte(i + 1)
	}
	return ranks
}()
