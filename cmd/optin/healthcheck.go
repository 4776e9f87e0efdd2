package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const healthcheckUsage = `optin healthcheck asks a running service whether it is alive, for containers without curl:

  optin healthcheck [-url http://127.0.0.1:8080/healthz]

It exits with 1 if it is not.
`

// healthcheck asks a running service whether it is alive, for containers that have no curl.
func healthcheck(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := newFlags("healthcheck", healthcheckUsage)
	address := f.String("url", "http://127.0.0.1:8080/healthz", "the `URL` to ask; /readyz asks for the store too")
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	status, body, err := getURL(ctx, *address)
	var wrong *url.Error
	switch {
	case errors.As(err, &wrong) && wrong.Op == "parse":
		fmt.Fprintf(stderr, "optin healthcheck: -url is not a URL: %v\n", err)
		return exitUsage
	case err != nil:
		fmt.Fprintf(stderr, "optin healthcheck: no answer: %v\n", err)
		return exitFailed
	}
	fmt.Fprintf(stdout, "%d %s\n%s", status, http.StatusText(status), body)
	if status != http.StatusOK {
		return exitFailed
	}
	return exitOK
}

// getURL returns the status and the beginning of the body of a GET of a service that runs.
func getURL(ctx context.Context, address string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, _ = io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	return resp.StatusCode, body, nil
}
