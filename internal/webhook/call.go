package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter is the longest wait that an answer can ask for.
const maxRetryAfter = 24 * time.Hour

// answer is all that is remembered of one.
type answer struct {
	status     int
	length     int64 // of what was read of its body, maxAnswer at most
	retryAfter string
}

// call makes one exchange with the endpoint. It is the transport's own single round trip: no
// redirects, no cookies, no Referer.
func (c *Caller) call(ctx context.Context, id string, body []byte) (answer, *Failure) {
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	req, f := c.request(limited, id, body)
	if f != nil {
		return answer{}, f
	}
	res, err := c.transport.RoundTrip(req)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return answer{}, &Failure{Reason: "broken off by us", cause: ctx.Err()}
	case limited.Err() != nil:
		return answer{}, &Failure{Reason: fmt.Sprintf("no answer within %v", c.Timeout), cause: limited.Err()}
	default:
		return answer{}, &Failure{Reason: unanswered(err)}
	}
	defer res.Body.Close()
	// The status is the answer. The rest is only read so that the connection can be used again; how that ends is all one.
	n, _ := io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	return answer{status: res.StatusCode, length: n, retryAfter: res.Header.Get("Retry-After")}, nil
}

// request is the signed call.
func (c *Caller) request(ctx context.Context, id string, body []byte) (*http.Request, *Failure) {
	if !validID(id) {
		return nil, &Failure{Reason: "the event's id cannot be signed"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, &Failure{Reason: "the URL cannot be called"}
	}
	timestamp := strconv.FormatInt(c.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", c.UserAgent)
	req.Header.Set(HeaderID, id)
	req.Header.Set(HeaderTimestamp, timestamp)
	req.Header.Set(HeaderSignature, c.Endpoint.signatures(id, timestamp, body))
	// Not sent: an empty one tells the transport that it may repeat the call on a new connection when the kept one
	// turns out to be closed (see http.Transport). The event's id makes that harmless.
	req.Header["Idempotency-Key"] = []string{}
	if u := c.url.User; u != nil { // which the transport leaves out
		password, _ := u.Password()
		req.SetBasicAuth(u.Username(), password)
	}
	return req, nil
}

// judge says what an answer means; nil: delivered.
func (a answer) judge(now time.Time) *Failure {
	if a.status >= 200 && a.status <= 299 {
		return nil
	}
	length := fmt.Sprintf("%d bytes", a.length)
	if a.length == maxAnswer {
		length += " or more"
	}
	f := &Failure{Status: a.status, Reason: fmt.Sprintf("answered %d with %s", a.status, length)}
	switch a.status {
	case http.StatusGone:
		f.park = true
		f.Reason += ", and so is switched off"
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		f.wait = retryAfter(a.retryAfter, now)
	default:
		if a.status <= 399 {
			f.Reason += "; only 2xx is success, and redirects are not followed: configure the address they lead to"
		}
	}
	return f
}

// retryAfter reads RFC 9110 section 10.2.3: seconds, or a date. Zero for none, for nonsense and for what is past.
func retryAfter(v string, now time.Time) time.Duration {
	if v != "" && strings.Trim(v, "0123456789") == "" {
		n, _ := strconv.ParseInt(v, 10, 64) // of what is too great, the greatest
		return time.Duration(min(n, int64(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(0, at.Sub(now)), maxRetryAfter)
}
