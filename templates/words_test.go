package templates

import "testing"

func TestOnlyPlainWordsAreFilledIn(t *testing.T) {
	for _, word := range []string{"https://c.example/c/a-b_c.D~9?x=y;z,1!2@3*$#4", "http://c.example"} {
		if !plain([]string{word}, 1) {
			t.Errorf("%q is refused as a link", word)
		}
	}
	for _, word := range []string{"21\u00a0novembre 2026 à 18\u00a0h\u00a002 (UTC)", "1/2/26, 7:00", "二〇二六年", "x"} {
		if !plain([]string{word}, 0) {
			t.Errorf("%q is refused as a moment", word)
		}
	}
	for _, word := range []string{"HTTPS://c.example", "mailto:a@b.example", "//c.example", "/c", "", "https://c.example/é", "https://c.example/\u00a0"} {
		if plain([]string{word}, 1) {
			t.Errorf("%q is taken as a link", word)
		}
	}
	for _, sign := range "&+%()[]'\"<>\\^`{|} \n\r\t\x00\x7f" {
		if plain([]string{"https://c.example/" + string(sign) + "x"}, 1) {
			t.Errorf("%q is taken in a link", sign)
		}
	}
	for _, sign := range "&+%'\"<>\\^`{|}=\n\r\t\x00\x7f" {
		if plain([]string{"https://c.example", "x" + string(sign) + "x"}, 1) {
			t.Errorf("%q is taken in a moment", sign)
		}
	}
	for _, word := range []string{"", " x", "x ", "\u00a0x", "\xff", "x\xc3"} {
		if plain([]string{word}, 0) {
			t.Errorf("%q is taken as a moment", word)
		}
	}
}
