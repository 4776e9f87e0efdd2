package config

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Tracing says where spans are sent. The zero value: nowhere.
type Tracing struct {
	URL     *url.URL          // of a collector that takes OTLP over HTTP, with its path; nil: there is no tracing
	Headers map[string]Secret // of each request, by their canonical names
	Sample  float64           // of all traces, above 0 to 1
}

// readTracing reads the tracing section.
func readTracing(v value) (t Tracing) {
	g := v.group("otlp", "headers", "headers_file", "sample")
	if !v.given() {
		return t
	}
	t.URL = required(g.get("otlp"), parseCollector)
	t.Sample = optional(g.get("sample"), DefaultSample, parseSample)
	t.Headers = readHeaders(g)
	if len(t.Headers) > 0 && t.URL != nil && t.URL.Scheme != "https" && !isLoopback(t.URL.Hostname()) {
		g.get("otlp").onNode().fail("must begin with https://, because headers are sent that may be secret; http:// " +
			"is for loopback hosts, and for collectors that need no headers")
	}
	return t
}

// readHeaders reads headers from a group of keys, or from the lines of a file.
func readHeaders(g group) map[string]Secret {
	all, file := map[string]Secret{}, g.get("headers_file")
	add := func(at value, name string, text Secret) {
		switch name, err := parseHeaderName(name); {
		case err != nil:
			at.fail("%s", err.Error())
		case text == nil: // it is wrong, and noted
		case all[name] != nil:
			at.fail("has a header twice; keep one")
		default:
			all[name] = text
		}
	}
	if g.get("headers").given() && file.given() {
		file.fail("is given together with headers; keep one of the two")
		return nil
	}
	for _, e := range g.get("headers").entries() {
		if s := e.plainSecret(); s.ok {
			add(e.value, e.key, checked(s, parseHeaderText))
		}
	}
	if file.given() {
		for _, line := range file.secretLines() {
			name, text, ok := strings.Cut(line.text, ":")
			if !ok {
				line.at.fail("%sis not a header's name, a colon and its value", inFileLine)
				continue
			}
			line.text = strings.TrimSpace(text)
			add(line.at, name, checked(line, parseHeaderText))
		}
	}
	return all
}

// parseCollector parses the URL that spans are posted to.
func parseCollector(s string) (*url.URL, error) {
	u, err := parseWeb(s)
	if err == nil && strings.Trim(u.Path, "/") == "" {
		return nil, errors.New("has no path; write the whole URL, such as https://collector.example/v1/traces")
	}
	return u, err
}

func parseSample(s string) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n > 0 && n <= 1) || strings.Trim(s, "0123456789.") != "" {
		return 0, errors.New("must be a number above 0 up to 1, such as 0.1 for a tenth of all signups")
	}
	return n, nil
}

// parseHeaderName parses the name of a header that may be added to a request.
func parseHeaderName(s string) (string, error) {
	if s == "" || len(s) > maxName || strings.Trim(s, keyLetters) != "" {
		return "", errors.New("must be a header's name and its value, such as Authorization")
	}
	switch name := http.CanonicalHeaderKey(s); name {
	case "Content-Type", "Content-Length", "Host", "Transfer-Encoding", "Connection", "User-Agent":
		return "", errors.New("is a header that optin sets itself")
	default:
		return name, nil
	}
}

func parseHeaderText(s string) (Secret, error) {
	if s == "" || strings.TrimSpace(s) != s {
		return nil, errors.New("is empty, or has space at an end")
	}
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return nil, errors.New("must be ASCII on one line")
		}
	}
	return Secret(s), nil
}
