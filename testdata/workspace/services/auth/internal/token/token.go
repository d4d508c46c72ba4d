// Package token signs user names.
package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

var key = []byte("only for the example")

// Sign returns the signature of a user name.
func Sign(user string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(user))
	return hex.EncodeToString(mac.Sum(nil))
}
