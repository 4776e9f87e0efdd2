package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"
)

// release is set when a release is built: -ldflags "-X main.release=1.2.3".
var release string

// versionText is the release, or what the build knows of itself.
func versionText() string {
	built := "development"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		built = info.Main.Version
	}
	return cmp.Or(release, built)
}

func version(stdout io.Writer) int {
	fmt.Fprintf(stdout, "optin %s (%s, %s/%s)\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK
}

// healthcheck asks a running service, for containers that have no curl.
func healthcheck(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("healthcheck", flag.ContinueOnError)
	url := f.String("url", "http://127.0.0.1:8080/healthz", "what to ask; /readyz asks for the store too")
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
