package tracing

import (
	"encoding/hex"
	"strconv"
	"time"
)

// TraceID is a trace-id of W3C Trace Context.
type TraceID [16]byte

// SpanID is a parent-id of W3C Trace Context.
type SpanID [8]byte

// Kind is how a span relates to others, as OTLP numbers it.
type Kind int

// The kinds.
const (
	Server Kind = 2 // we answered a request
	Client Kind = 3 // we asked another server
)

// Span is something that happened, and is over.
type Span struct {
	Trace      TraceID
	ID         SpanID // zero: one is made
	Parent     SpanID // zero: there is none
	Name       string // of few different ones
	Kind       Kind
	Start, End time.Time
	Attributes []Attribute
	Failed     bool
}

// Attribute is one fact about a span.
type Attribute struct {
	key  string
	text string
	n    int64
	is   string // the name of its type in JSON
}

// Text returns an attribute that is a text.
func Text(key, value string) Attribute { return Attribute{key: key, text: value, is: "stringValue"} }

// Number returns an attribute that is a whole number.
func Number(key string, n int) Attribute { return Attribute{key: key, n: int64(n), is: "intValue"} }

// The types below are those of OTLP in JSON: ids are in hexadecimal, and 64 bits in quotes.
type (
	otlpMessage struct {
		ResourceSpans []otlpResourceSpans `json:"resourceSpans"`
	}
	otlpResourceSpans struct {
		Resource   otlpResource     `json:"resource"`
		ScopeSpans []otlpScopeSpans `json:"scopeSpans"`
	}
	otlpResource struct {
		Attributes []otlpAttribute `json:"attributes"`
	}
	otlpScopeSpans struct {
		Scope otlpScope  `json:"scope"`
		Spans []otlpSpan `json:"spans"`
	}
	otlpScope struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	otlpSpan struct {
		TraceID    string          `json:"traceId"`
		SpanID     string          `json:"spanId"`
		Parent     string          `json:"parentSpanId,omitempty"`
		Flags      int             `json:"flags"`
		Name       string          `json:"name"`
		Kind       Kind            `json:"kind"`
		Start      string          `json:"startTimeUnixNano"`
		End        string          `json:"endTimeUnixNano"`
		Attributes []otlpAttribute `json:"attributes,omitempty"`
		Status     *otlpStatus     `json:"status,omitempty"`
	}
	otlpAttribute struct {
		Key   string            `json:"key"`
		Value map[string]string `json:"value"`
	}
	otlpStatus struct {
		Code int `json:"code"`
	}
)

const (
	flagSampled = 1 // of W3C Trace Context
	statusError = 2
)

// message returns what is sent of a batch.
func (e *Exporter) message(batch []Span) otlpMessage {
	scope := otlpScopeSpans{Scope: otlpScope{Name: "github.com/optin/optin", Version: e.Version}}
	for _, s := range batch {
		scope.Spans = append(scope.Spans, s.otlp())
	}
	is := otlpResource{otlpAttributes([]Attribute{
		Text("service.name", "optin"), Text("service.version", e.Version), Text("service.instance.id", e.instance),
	})}
	return otlpMessage{[]otlpResourceSpans{{Resource: is, ScopeSpans: []otlpScopeSpans{scope}}}}
}

func (s Span) otlp() otlpSpan {
	o := otlpSpan{
		TraceID: hex.EncodeToString(s.Trace[:]), SpanID: hex.EncodeToString(s.ID[:]), Flags: flagSampled,
		Name: s.Name, Kind: s.Kind, Attributes: otlpAttributes(s.Attributes),
		Start: strconv.FormatInt(s.Start.UnixNano(), 10), End: strconv.FormatInt(s.End.UnixNano(), 10),
	}
	if s.Parent != (SpanID{}) {
		o.Parent = hex.EncodeToString(s.Parent[:])
	}
	if s.Failed {
		o.Status = &otlpStatus{statusError}
	}
	return o
}

// otlpAttributes returns attributes without those that are empty.
func otlpAttributes(all []Attribute) (written []otlpAttribute) {
	for _, a := range all {
		value := a.text
		if a.is == "intValue" {
			value = strconv.FormatInt(a.n, 10)
		}
		if value != "" {
			written = append(written, otlpAttribute{a.key, map[string]string{a.is: value}})
		}
	}
	return written
}
