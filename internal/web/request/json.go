package request

import (
	"bytes"
	"encoding/json"
	"iter"
)

// These functions cut JSON that json.Valid has accepted into its parts, which are valid too and have no space around
// them. The standard decoder looks at each part three times, and takes the last of several members of one name.

// jsonSpace is what may stand between the parts (RFC 8259, section 2).
const jsonSpace = " \t\r\n"

// members yields the names and values of an object, in their order, each as often as it came.
func members(object []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for rest := object[1:]; ; {
			name, more := cutValue(rest)
			if name == nil {
				return
			}
			value, after := cutValue(more)
			if !yield(unquote(name), value) {
				return
			}
			rest = after
		}
	}
}

// elements yields the values of an array.
func elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest := array[1:]; ; {
			var value []byte
			if value, rest = cutValue(rest); value == nil || !yield(value) {
				return
			}
		}
	}
}

// cutValue cuts off the next value within an object or an array; nil at its end.
func cutValue(b []byte) (value, rest []byte) {
	b = bytes.TrimLeft(b, jsonSpace+",:")
	switch b[0] {
	case ']', '}':
		return nil, b
	case '"', '[', '{':
		n := 0
		for depth := 0; ; {
			switch b[n] {
			case '"':
				n += endOfString(b[n:])
			case '[', '{':
				depth, n = depth+1, n+1
			case ']', '}':
				depth, n = depth-1, n+1
			default:
				n++
			}
			if depth == 0 {
				return b[:n], b[n:]
			}
		}
	}
	n := bytes.IndexAny(b, jsonSpace+",]}") // of a number, true, false or null
	return b[:n], b[n:]
}

// endOfString returns the length of the string that b begins with.
func endOfString(b []byte) int {
	for n := 1; ; n++ {
		switch b[n] {
		case '\\':
			n++
		case '"':
			return n + 1
		}
	}
}

// unquote returns what a string says.
func unquote(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		panic(err) // it is valid
	}
	return text
}
