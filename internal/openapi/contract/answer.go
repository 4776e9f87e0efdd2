package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Answer says what is wrong with an answer to a request, of which target is the path and query: nothing if it is as described, and nothing
// of a call that is not described at all. An empty body is held against nothing: HEAD has none, and a caller may have left it out.
func Answer(method, target string, status int, header http.Header, body []byte) (wrong []string) {
	op := Operation(method, target)
	if op == nil {
		return nil
	}
	media, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	a := answer{status: status, header: header, media: media, as: At(op, "responses", strconv.Itoa(status)), failed: At(op, "responses", "default")}
	if a.as == nil && status >= http.StatusBadRequest {
		a.as = a.failed
	}
	if a.as == nil {
		wrong = []string{"which is not described"}
	} else if wrong = a.headers(); len(body) > 0 {
		wrong = append(wrong, a.content(body)...)
	}
	for i := range wrong {
		wrong[i] = fmt.Sprintf("%s answers %d %s, against openapi.yaml: %s", op["operationId"], status, media, wrong[i])
	}
	return wrong
}

type answer struct {
	status     int
	header     http.Header
	media      string
	as, failed Object // what is described for its status, and for any failure
}

// headers are held against those described: each that is required, and of those that tell of limits no other.
func (a answer) headers() (wrong []string) {
	described := At(a.as, "headers")
	for _, name := range slices.Sorted(maps.Keys(described)) {
		if At(described, name)["required"] == true && a.header.Get(name) == "" {
			wrong = append(wrong, "lacks the header "+name)
		}
	}
	for _, name := range []string{"RateLimit", "RateLimit-Policy"} {
		if a.header.Get(name) != "" && described[name] == nil {
			wrong = append(wrong, "has the header "+name+", which is not described")
		}
	}
	return wrong
}

// content is a body held against its media type, its schema, and the codes that may stand in it.
func (a answer) content(body []byte) (wrong []string) {
	described := At(a.as, "content", a.media)
	if described == nil && a.status >= http.StatusBadRequest {
		described = At(a.failed, "content", a.media)
	}
	if described == nil && At(a.as, "content", "*/*") == nil {
		wrong = append(wrong, "has a media type that is not described")
	}
	if a.media != "application/json" && a.media != "application/problem+json" {
		return wrong
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return append(wrong, fmt.Sprintf("is no JSON: %v", err))
	}
	wrong = append(wrong, Breaches(At(described, "schema"), value, "body")...)
	if code := At(value)["code"]; a.status >= http.StatusBadRequest && code != nil {
		if !slices.Contains(append(Words(a.as["x-codes"]), Words(a.failed["x-codes"])...), fmt.Sprint(code)) {
			wrong = append(wrong, fmt.Sprintf("has the code %v, which is not described there", code))
		}
	}
	return wrong
}
