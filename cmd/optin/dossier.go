package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/optin/optin/internal/dossier"
	"github.com/optin/optin/templates"
)

// writeDossier writes the dossier of one subscription into a file, which it does not overwrite. As the file's name
// ends it is a ZIP, a document to be printed, or JSON.
func writeDossier(ctx context.Context, args []string, env func(string) (string, bool), stdout, stderr io.Writer) int {
	out, lang := "", ""
	s, code := openSubject(ctx, "dossier", args, env, stderr, func(f *flag.FlagSet) {
		f.StringVar(&out, "o", "", "the `file`, which must not exist yet and ends in .zip, .json or, to be printed, "+
			".html; dossier-ID.zip, or with -json standard output")
		f.StringVar(&lang, "lang", "", "the `language` to be printed in; that of the person")
	})
	if s == nil {
		return code
	}
	defer s.store.Close()
	toStdout := s.json && out == ""
	if out == "" {
		out = "dossier-" + s.id + ".zip"
	}
	b, err := s.dossier(ctx, out, lang)
	switch {
	case err != nil:
	case toStdout:
		_, err = stdout.Write(b)
	default:
		if err = writeNew(out, b); err == nil {
			fmt.Fprintf(stdout, "%s is written. It has personal data, and says how to check it.\n", out)
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "optin dossier:", s.explain(err))
		return exitFailed
	}
	return exitOK
}

// dossier returns the dossier of the subscription as a file of that name has it.
func (s *subject) dossier(ctx context.Context, file, lang string) ([]byte, error) {
	log, err := openLog(s.cfg, s.ring)
	if err != nil {
		return nil, err
	}
	m := &dossier.Maker{
		Service: s.service, Log: log, Pages: s.pages, Now: time.Now,
		Show: func(string) templates.Site { return templateSite(s.site) },
	}
	d, err := m.Make(ctx, s.site.ID, s.id)
	if err != nil {
		return nil, err
	}
	switch end := filepath.Ext(file); {
	case s.json || end == ".json":
		return d.JSON()
	case end == ".html":
		return m.HTML(d, lang)
	case end == ".zip":
		return m.ZIP(d, lang)
	}
	return nil, fmt.Errorf("what is %s to be? let its name end in .zip, .html or .json", file)
}

// writeNew writes a new file that only its owner reads.
func writeNew(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("%w; name another file with -o", err)
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}
