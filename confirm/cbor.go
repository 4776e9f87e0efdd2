package confirm

import "unicode/utf8"

// CBOR (RFC 8949) in its core deterministic form, as much of it as records need: whole numbers, bytes, texts, arrays,
// and maps whose keys are whole numbers. Readers and writers know the shape of a value, so there is no
// reflection. A test compares what is written with what a full CBOR library writes.

// The major types of RFC 8949, section 3.1.
const (
	cborUint  = 0 << 5
	cborInt   = 1 << 5 // below zero
	cborBytes = 2 << 5
	cborText  = 3 << 5
	cborArray = 4 << 5
	cborMap   = 5 << 5
)

// maxFields is how many fields a map can have, for its head to be one byte.
const maxFields = 23

// cborWriter appends CBOR to b.
type cborWriter struct{ b []byte }

func (w *cborWriter) head(major byte, n uint64) {
	switch {
	case n < 24:
		w.b = append(w.b, major|byte(n))
	case n < 1<<8:
		w.b = append(w.b, major|24, byte(n))
	case n < 1<<16:
		w.b = append(w.b, major|25, byte(n>>8), byte(n))
	case n < 1<<32:
		w.b = append(w.b, major|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	default:
		w.b = append(w.b, major|27, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16),
			byte(n>>8), byte(n))
	}
}

func (w *cborWriter) writeInt(v int64) {
	if v < 0 {
		w.head(cborInt, uint64(-1-v))
		return
	}
	w.head(cborUint, uint64(v))
}

func (w *cborWriter) writeText(s string) {
	w.head(cborText, uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *cborWriter) writeBytes(b []byte) {
	w.head(cborBytes, uint64(len(b)))
	w.b = append(w.b, b...)
}

// openMap begins a map, whose fields follow in the order of their keys. It returns what field needs.
func (w *cborWriter) openMap() (m int) {
	w.b = append(w.b, cborMap)
	return len(w.b) - 1
}

// field begins a field of a map: its value follows.
func (w *cborWriter) field(m, key int) {
	w.b[m]++
	w.head(cborUint, uint64(key))
}

// What is zero or empty is left out.

func (w *cborWriter) intField(m, key int, v int64) {
	if v != 0 {
		w.field(m, key)
		w.writeInt(v)
	}
}

func (w *cborWriter) textField(m, key int, s string) {
	if s != "" {
		w.field(m, key)
		w.writeText(s)
	}
}

func (w *cborWriter) bytesField(m, key int, b []byte) {
	if len(b) > 0 {
		w.field(m, key)
		w.writeBytes(b)
	}
}

// arrayField begins a field that is an array of n values, which follow.
func (w *cborWriter) arrayField(m, key, n int) {
	if n > 0 {
		w.field(m, key)
		w.head(cborArray, uint64(n))
	}
}

// cborReader reads CBOR from the beginning of rest. It is a string, so that what is read is a part of it and no copy.
// What it reads is zero once something was not as it ought to be.
type cborReader struct {
	rest    string
	damaged bool
}

func (r *cborReader) fail() {
	r.damaged, r.rest = true, ""
}

// head reads the head of a value, in its shortest form.
func (r *cborReader) head() (major byte, n uint64) {
	if len(r.rest) == 0 {
		r.fail()
		return 0, 0
	}
	major, short := r.rest[0]&0xe0, r.rest[0]&0x1f
	if r.rest = r.rest[1:]; short < 24 {
		return major, uint64(short)
	}
	size := 1 << (short - 24)
	if short > 27 || len(r.rest) < size {
		r.fail()
		return 0, 0
	}
	for i := range size {
		n = n<<8 | uint64(r.rest[i])
	}
	r.rest = r.rest[size:]
	if n < 24 || size > 1 && n < 1<<(4*size) {
		r.fail()
		return 0, 0
	}
	return major, n
}

// length reads the head of a value of a type, and returns how long it is: at most as long as what is left.
func (r *cborReader) length(of byte) int {
	major, n := r.head()
	if major != of || n > uint64(len(r.rest)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *cborReader) readInt() int64 {
	major, n := r.head()
	switch {
	case n > 1<<63-1 || major > cborInt:
		r.fail()
		return 0
	case major == cborInt:
		return -1 - int64(n)
	}
	return int64(n)
}

func (r *cborReader) readBytes() string { return r.take(r.length(cborBytes)) }

func (r *cborReader) readText() string {
	text := r.take(r.length(cborText))
	if !utf8.ValidString(text) {
		r.fail()
	}
	return text
}

func (r *cborReader) take(n int) string {
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

// readArray returns how many values follow.
func (r *cborReader) readArray() int { return r.length(cborArray) }

// cborFields are those of a map that is being read:
//
//	for m := r.readMap(); m.next(r); {
//		switch m.key {
type cborFields struct{ left, key int }

func (r *cborReader) readMap() cborFields { return cborFields{left: r.length(cborMap), key: -1} }

// next reads the key of the next field and reports whether there is one. Keys are in order, and none comes twice.
func (m *cborFields) next(r *cborReader) bool {
	if m.left == 0 || r.damaged {
		return false
	}
	m.left--
	major, key := r.head()
	if major != cborUint || key > maxFields || int(key) <= m.key {
		r.fail()
		return false
	}
	m.key = int(key)
	return true
}
