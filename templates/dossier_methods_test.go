package templates

import "testing"

// A dossier is proof, so it may not say "on a form" of what a program sent, or "by a button" where there was none.
func TestADossierHasWordsOfItsOwnForEachMethod(t *testing.T) {
	eachTranslation(t, func(t *testing.T, of *translation) {
		said := map[string]string{}
		for _, method := range stepMethods() {
			words := of.method(method)
			if other, again := said[words]; words == "" || again {
				t.Errorf("%s and %s are both %q", method, other, words)
			}
			said[words] = method
		}
		if words := of.method("smtp"); words != "" {
			t.Errorf("what the action says is repeated: %q", words)
		}
	})
}
