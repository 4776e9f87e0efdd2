package api

import (
	"bufio"
	"strings"
	"testing"
)

func TestNoCellIsAFormula(t *testing.T) {
	for _, cell := range []string{
		"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠SUM", " =1", `"=1`, `'=1`, ";=1",
		",=1", `";=1`, "\u00a0=1", "\u200b=1", "\ufeff=1", "|x", "%0A=1", "\x00=1", "−1", "﹦1",
	} {
		if got := notFormula(cell); got != "'"+cell {
			t.Errorf("%q became %q", cell, got)
		}
	}
	for _, cell := range []string{"", "ada@b.example", "a=1", "Receive the letter", "2026-11-21T18:00:00Z", "é-mail",
		"confirmed", "https://x.example/?a=-1"} {
		if got := notFormula(cell); got != cell {
			t.Errorf("%q became %q", cell, got)
		}
	}
	var out strings.Builder
	b := bufio.NewWriter(&out)
	writeRow(b, []string{`a;=1`, `b","=1`, "c\r\n=1", ""})
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "\"a;=1\",\"b\"\",\"\"=1\",\"c\r\n=1\",\"\"\r\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
