package request

import (
	"testing"
)

func TestACharsetIsKnownByItsLabel(t *testing.T) {
	for label, want := range map[string]charset{
		"": charsetUTF8, "utf-8": charsetUTF8, "UTF8": charsetUTF8, "Utf_8": charsetUTF8, "us-ascii": charsetUTF8,
		"ISO-8859-1": charsetLatin, "iso8859_1": charsetLatin, "latin-1": charsetLatin, "Windows-1252": charsetLatin,
		"iso-8859-15": charsetOther, "windows-1251": charsetOther, "Shift_JIS": charsetOther, "x": charsetOther,
		"utf-16": charsetNone, "UTF-16LE": charsetNone, "utf-7": charsetNone, "utf-32": charsetNone,
		"ISO-2022-JP": charsetNone, "hz-gb-2312": charsetNone, "IBM037": charsetNone,
	} {
		if got := charsetOf(label); got != want {
			t.Errorf("%q: %d, want %d", label, got, want)
		}
	}
}

func TestATextIsDecodedByItsCharset(t *testing.T) {
	for _, row := range []struct {
		in   charset
		text string
		want string
		ok   bool
	}{
		{charsetUTF8, "ada@b.example", "ada@b.example", true},
		{charsetUTF8, "jürgen", "jürgen", true},
		{charsetUTF8, "j\xfcrgen", "", false},
		{charsetLatin, "ada", "ada", true},
		{charsetLatin, "j\xfcrgen \x80", "jürgen €", true},
		{charsetOther, "ada", "ada", true},
		{charsetOther, "\xe0\xe4\xe0", "", false},
		{charsetOther, "jürgen", "", false},
	} {
		got, ok := row.in.decode(row.text)
		if ok != row.ok || ok && got != row.want {
			t.Errorf("%d %q: %q %t", row.in, row.text, got, ok)
		}
	}
}
