package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"
)

// healthcheck asks a running service whether it is alive, for containers that have no curl.
func healthcheck(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("healthcheck", flag.ContinueOnError)
	url := f.String("url", "http://127.0.0.1:8080/healthz", "the `URL` to ask; /readyz asks for the store too")
	if code, ok := parseFlags(f, args, stderr); !ok {
		return code
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, *url, nil)
	if err != nil {
		fmt.Fprintf(stderr, "optin healthcheck: -url is not a URL: %v\n", err)
		return exitUsage
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Fprintf(stderr, "optin healthcheck: no answer: %v\n", err)
		return exitFailed
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	fmt.Fprintf(stdout, "%s\n%s", resp.Status, body)
	if resp.StatusCode != http.StatusOK {
		return exitFailed
	}
	return exitOK
}
