package challenge

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
)

// maxPayload is the size of a payload in bytes; one of ours has about 450.
const maxPayload = 2 << 10

var errShape = errors.New("not the shape of a payload")

// payload is a decoded solution. Each solution has one accepted spelling.
type payload struct {
	challenge, salt, signature string
	number                     int
}

// parsePayload reads a payload strictly: padded base64 of one JSON object with the known members, each once.
func parsePayload(text string) (p payload, ok bool) {
	if len(text) > maxPayload || strings.ContainsAny(text, "\r\n") { // the decoder would skip these
		return p, false
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return p, false
	}
	strs, numbers, err := parseObject(raw)
	if err != nil || strs["algorithm"] != algorithm {
		return p, false
	}
	// no sign, point or exponent; JSON has no leading zeros
	n, err := strconv.ParseUint(string(numbers["number"]), 10, 31)
	return payload{
		challenge: strs["challenge"],
		salt:      strs["salt"],
		signature: strs["signature"],
		number:    int(n),
	}, err == nil
}

// parseObject reads one flat JSON object. A member that is unknown, comes twice, or has another type is an error:
// encoding/json alone would accept any case of a name, and the last of several.
func parseObject(raw []byte) (strs map[string]string, numbers map[string]json.Number, err error) {
	strs, numbers = map[string]string{}, map[string]json.Number{}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, errShape
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		value, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		if !setMember(strs, numbers, name.(string), value) {
			return nil, nil, errShape
		}
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errShape
	}
	return strs, numbers, nil
}

// setMember stores one member, and reports whether it is known, new, and of the right type.
func setMember(strs map[string]string, numbers map[string]json.Number, name string, value json.Token) bool {
	switch name {
	case "algorithm", "challenge", "salt", "signature":
		_, again := strs[name]
		text, ok := value.(string)
		strs[name] = text
		return ok && !again
	case "number", "took":
		_, again := numbers[name]
		n, ok := value.(json.Number)
		numbers[name] = n
		return ok && !again
	}
	return false
}

// parseSalt returns when a challenge of this site ends, in Unix seconds. It accepts only what newSalt writes.
func parseSalt(salt, site string) (expires int64, ok bool) {
	random, rest, _ := strings.Cut(salt, "?expires=")
	digits, _, _ := strings.Cut(rest, "&")
	expires, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || len(random) != 2*saltRandom || strings.Trim(random, "0123456789abcdef") != "" {
		return 0, false
	}
	return expires, newSalt(random, expires, site) == salt
}
