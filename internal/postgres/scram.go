package postgres

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"golang.org/x/text/secure/precis"
)

// scramIterations is what PostgreSQL takes by default: scram_iterations in
// https://www.postgresql.org/docs/current/runtime-config-connection.html.
const scramIterations = 4096

// Verifier returns what PostgreSQL keeps of a password, computed here, so that
// the password itself is sent to no server and stands in no log of one. See
// https://www.postgresql.org/docs/current/catalog-pg-authid.html and RFC 5803.
func Verifier(password string) (string, error) {
	salt := make([]byte, 16)
	rand.Read(salt) // it never fails: https://pkg.go.dev/crypto/rand#Read
	return verifier(password, salt)
}

func verifier(password string, salt []byte) (string, error) {
	// What PostgreSQL cannot normalize either it takes as it is.
	if normalized, err := precis.OpaqueString.String(password); err == nil {
		password = normalized
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("a password cannot be hashed: %w", err)
	}
	stored := sha256.Sum256(keyed(salted, "Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramIterations, encode(salt), encode(stored[:]), encode(keyed(salted, "Server Key"))), nil
}

func keyed(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
