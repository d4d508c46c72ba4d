package token

import "testing"

func TestForgedTokensAreRefused(t *testing.T) {
	signer := NewSigner([]byte("key"))
	if name, genuine := signer.Name(signer.Sign("ann")); name != "ann" || !genuine {
		t.Errorf("got %q, %v", name, genuine)
	}
	if _, genuine := signer.Name(NewSigner([]byte("other")).Sign("ann")); genuine {
		t.Error("a token with another key is accepted")
	}
}
