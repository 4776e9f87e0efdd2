package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/optin/optin/internal/audit"
	"github.com/optin/optin/internal/dossier"
	"github.com/optin/optin/templates"
)

const dossierUsage = `optin dossier writes everything that proves what one person agreed to:

  optin dossier -config optin.yaml -site gazette ADDRESS|ID
      dossier-ID.zip, each part as a file
  optin dossier -config optin.yaml -site gazette -o ada.html ADDRESS|ID
      a document to be printed
  optin dossier -config optin.yaml -site gazette -json ADDRESS|ID
      dossier.json, to standard output

It overwrites no file. With -json and -o it writes {"id": …, "file": …}.
`

// writeDossier writes the dossier of one subscription into a file, which it does not overwrite. As the file's name
// ends it is a ZIP, a document to be printed, or JSON.
func writeDossier(ctx context.Context, args []string, env environment, stdout, stderr io.Writer) int {
	out, lang := "", ""
	c := newCall("dossier", dossierUsage, env, stdout, stderr)
	c.flags.StringVar(&out, "o", "", "the `file`, which must not exist yet and ends in .zip, .json or, to be printed, "+
		".html; dossier-ID.zip, or with -json standard output")
	c.flags.StringVar(&lang, "lang", "", "the `language` to be printed in; that of the person")
	s, code := c.about(ctx, audit.Download, args)
	if s == nil {
		return code
	}
	defer s.store.Close()
	name, printed := out, out == "" && s.json
	switch {
	case printed:
		name = "dossier.json"
	case out == "":
		name = "dossier-" + s.id + ".zip"
	}
	b, err := s.dossier(ctx, name, lang)
	if err == nil && printed {
		_, err = stdout.Write(b)
	} else if err == nil {
		err = writeFileWith(name, func(w io.Writer) error { _, err := w.Write(b); return err })
	}
	switch {
	case err != nil:
		return s.failed(err)
	case printed:
		return exitOK
	}
	return s.done(writtenDossier{s.id, name}, name+" is written. It has personal data, and says how to check it.")
}

// writtenDossier is what optin dossier -json -o FILE writes.
type writtenDossier struct {
	ID   string `json:"id"`
	File string `json:"file"`
}

// dossier returns the dossier of the subscription as a file of that name has it.
func (s *subject) dossier(ctx context.Context, file, lang string) ([]byte, error) {
	log, err := openLog(s.cfg, s.ring)
	if err != nil {
		return nil, err
	}
	m := &dossier.Maker{
		Service: s.service, Log: log, Pages: s.pages, Now: time.Now,
		Show: func(string) templates.Site { return templateSite(s.is) },
	}
	d, err := m.Make(ctx, s.site, s.id)
	if err != nil {
		return nil, err
	}
	switch end := filepath.Ext(file); {
	case end == ".json":
		return d.JSON()
	case end == ".html":
		return m.HTML(d, lang)
	case end == ".zip":
		return m.ZIP(d, lang)
	}
	return nil, fmt.Errorf("what is %s to be? let its name end in .zip, .html or .json", file)
}
