package contract

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// CheckResponse says what is wrong with a response to a request; target is the request's path and query. It returns
// nothing if the response is as described, or if the call is not described at all. An empty body is not checked:
// HEAD has none, and the caller may have left it out.
func CheckResponse(method, target string, status int, header http.Header, body []byte) (wrong []string) {
	op := operation(method, target)
	if op.value == nil {
		return nil
	}
	media, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	described := op.at("responses", strconv.Itoa(status))
	r := response{status: status, header: header, media: media, as: described, failed: op.at("responses", "default")}
	if r.as.value == nil && status >= http.StatusBadRequest {
		r.as = r.failed
	}
	if r.as.value == nil {
		wrong = []string{"the status is not described"}
	} else if wrong = r.headers(); len(body) > 0 {
		wrong = append(wrong, r.content(body)...)
	}
	for i := range wrong {
		wrong[i] = fmt.Sprintf("%s answers %d %s, against openapi.yaml: %s", op.object()["operationId"], status, media,
			wrong[i])
	}
	return wrong
}

type response struct {
	status     int
	header     http.Header
	media      string
	as, failed node // what is described for its status, and for any failure
}

// headers checks that each required header is there, and that no header about limits is there that is not described.
func (r response) headers() (wrong []string) {
	described := r.as.at("headers").object()
	for _, name := range slices.Sorted(maps.Keys(described)) {
		if At(described, name)["required"] == true && r.header.Get(name) == "" {
			wrong = append(wrong, "it lacks the header "+name)
		}
	}
	for _, name := range []string{"RateLimit", "RateLimit-Policy"} {
		if r.header.Get(name) != "" && described[name] == nil {
			wrong = append(wrong, "it has the header "+name+", which is not described")
		}
	}
	return wrong
}

// content checks the media type, a JSON body against its schema, and the code of a problem.
func (r response) content(body []byte) (wrong []string) {
	described := r.as.at("content", r.media)
	if described.value == nil && r.status >= http.StatusBadRequest {
		described = r.failed.at("content", r.media)
	}
	if described.value == nil && r.as.at("content", "*/*").value == nil {
		wrong = append(wrong, "its media type is not described")
	}
	if r.media != "application/json" && r.media != "application/problem+json" {
		return wrong
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return append(wrong, fmt.Sprintf("the body is not JSON: %v", err))
	}
	wrong = append(wrong, schemas().breaches(described.at("schema"), value, "body")...)
	if code := At(value)["code"]; r.status >= http.StatusBadRequest && code != nil {
		known := append(Words(r.as.object()["x-codes"]), Words(r.failed.object()["x-codes"])...)
		if !slices.Contains(known, fmt.Sprint(code)) {
			wrong = append(wrong, fmt.Sprintf("the code %v is not described there", code))
		}
	}
	return wrong
}
