package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Load reads and checks the configuration at path. env looks up an environment variable, as os.LookupEnv does.
// languages are the locales that have built-in translations; without any, every well-formed locale is taken.
// The error is Problems.
func Load(path string, env func(string) (string, bool), languages ...string) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, Problems{{File: path, Line: 1, What: "cannot be read: " + unreadable(err) + "; -config names the file"}}
	}
	return Parse(path, data, env, readFile, languages...)
}

// Parse checks a configuration. name is what problems call it, and relative names of files start at its folder; readFile
// reads those files, as os.ReadFile does. The other inputs are those of Load. The error is Problems.
func Parse(name string, data []byte, env func(string) (string, bool), readFile func(string) ([]byte, error), languages ...string) (*Config, error) {
	r := &reader{file: name, env: env, read: readFile, languages: languages}
	root := r.document(data)
	var c *Config
	if root != nil {
		c = r.config(value{r: r, node: root, line: 1})
	}
	if len(r.problems) > 0 {
		r.problems.sort()
		return nil, r.problems
	}
	return c, nil
}

// readFile is os.ReadFile that stops one byte past the largest file that is taken.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// unreadable says why a file cannot be read, without its name: somebody may have put the secret where its file's name belongs.
func unreadable(err error) string {
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it does not exist"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case errors.As(err, &at):
		return at.Err.Error()
	}
	return "reading failed"
}

// fileAt reads the file that a key names for its secret. ok is false when a problem was noted.
func (v value) fileAt(name string) (text string, ok bool) {
	return v.fileOf(name, maxSecret, "must contain only the secret")
}

// fileOf reads a file of at most limit bytes; must says what one that is larger must be or hold.
func (v value) fileOf(name string, limit int, must string) (text string, ok bool) {
	if name == "" {
		return "", v.fail("is empty; it must name a file")
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(v.r.file), name)
	}
	if v.r.read == nil {
		return "", v.fail("names a file, but no files are read here")
	}
	data, err := v.r.read(name)
	switch {
	case err != nil:
		return "", v.fail("names a file that cannot be read: %s; a relative name is relative to the folder of the configuration", unreadable(err))
	case len(data) > limit:
		return "", v.fail("names a file larger than %d KiB; it %s", limit>>10, must)
	}
	return string(data), true
}
