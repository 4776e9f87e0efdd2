package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/web/api"
)

const exportUsage = `optin export writes every subscription of a site, as GET …/export of the API does:

  optin export -config optin.yaml -site gazette [-format csv] [-o FILE]

In ndjson each line is a subscription as the API has it; in csv each row is one of its purposes. It overwrites no file,
and leaves none that is not whole. One that does not open has the state unreadable: then it exits with 1.

-json with -o writes {"exported": …, "unreadable": …, "file": …}.
`

// exported is what optin export did.
type exported struct {
	Exported   int64  `json:"exported"`
	Unreadable int64  `json:"unreadable"` // of them
	File       string `json:"file"`
}

// export is optin export.
func export(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	c := newCall("export", exportUsage, env, stdout, stderr).ofSite()
	format := c.flags.String("format", "ndjson", "the `format`: ndjson or csv")
	out := c.flags.String("o", "", "the `file`, which must not exist yet; standard output if left out")
	rest, code, ok := c.parse(args)
	switch {
	case !ok:
		return code
	case len(rest) > 0:
		return c.unexpected(rest[0])
	case *format != "ndjson" && *format != "csv":
		return c.fail(exitUsage, fmt.Errorf("there is no format %q; there are ndjson and csv", *format))
	}
	s, code := c.open(ctx)
	if s == nil {
		return code
	}
	defer s.store.Close()
	did := exported{File: *out}
	err := s.note(ctx, audit.Export, "")
	switch {
	case err != nil:
	case *out == "":
		err = s.exportTo(ctx, stdout, *format, &did)
	default:
		err = writeFileWith(*out, func(w io.Writer) error { return s.exportTo(ctx, w, *format, &did) })
	}
	if err == nil && did.Unreadable > 0 {
		err = fmt.Errorf("%d of %d do not open: optin check -deep names them", did.Unreadable, did.Exported)
	}
	switch {
	case err != nil:
		return s.fail(exitFailed, err)
	case *out == "":
		s.progress.end()
		return exitOK
	}
	return s.done(did, fmt.Sprintf("%d subscriptions are in %s. It has personal data.", did.Exported, *out))
}

// exportTo writes every subscription of the site.
func (s *onSite) exportTo(ctx context.Context, w io.Writer, format string, did *exported) error {
	b := bufio.NewWriterSize(w, 1<<16)
	write := api.ExportWriter(b, format)
	for st, err := range s.service.Website.Export(ctx, s.site) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if did.Exported++; st.State == consent.Unreadable {
			did.Unreadable++
		}
		write(st)
		s.progress.show("exporting", did.Exported, 0)
	}
	return b.Flush()
}

// writeFileWith writes a new file that only its owner reads, and removes it again if that fails.
func writeFileWith(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("%w; name another file with -o", err)
	}
	if err = errors.Join(write(f), f.Close()); err != nil {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}
