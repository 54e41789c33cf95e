package runbook

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// shortestToken is how many characters a token must have.
const shortestToken = 20

// A TokenFile holds tokens, one a line: a role, a name, and the token, or
// "sha256:" and its hash in hexadecimal. Empty lines and those that begin with
// "#" do not count. It is read again when it changes; one that cannot be read
// then lets nobody in.
type TokenFile struct {
	path string

	mu      sync.Mutex
	changed time.Time
	size    int64
	tokens  []token
}

type token struct {
	sum  [sha256.Size]byte
	name string
	role Role
}

// NewTokenFile reads a file of tokens, which must have some.
func NewTokenFile(path string) (*TokenFile, error) {
	f := &TokenFile{path: path}
	if err := f.read(); err != nil {
		return nil, err
	}
	if len(f.tokens) == 0 {
		return nil, fmt.Errorf("%s has no tokens: write lines of a role (viewer or operator), a name and a token", path)
	}
	return f, nil
}

// Find implements TokenSource. Each token is compared, whichever it is.
func (f *TokenFile) Find(sum [sha256.Size]byte) (name string, role Role, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refresh()
	for _, t := range f.tokens {
		if same(t.sum, sum) {
			name, role, ok = t.name, t.role, true
		}
	}
	return name, role, ok
}

// refresh reads the file again where it is another than it was.
func (f *TokenFile) refresh() {
	info, err := os.Stat(f.path)
	if err == nil && info.ModTime().Equal(f.changed) && info.Size() == f.size {
		return
	}
	if err != nil || f.read() != nil {
		f.tokens, f.changed = nil, time.Time{}
	}
}

func (f *TokenFile) read() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("cannot read the tokens: %w", err)
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return fmt.Errorf("cannot read the tokens: %w", err)
	}
	tokens, err := parseTokens(f.path, text)
	if err != nil {
		return err
	}
	f.tokens, f.changed, f.size = tokens, info.ModTime(), info.Size()
	return nil
}

// parseTokens reads a file of tokens. No error quotes one.
func parseTokens(path string, text []byte) ([]token, error) {
	var tokens []token
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, fmt.Errorf("%s:%d: a line has a role, a name and a token", path, n)
		}
		t := token{name: fields[1], role: Role(fields[0])}
		if t.role != Viewer && t.role != Operator {
			return nil, fmt.Errorf("%s:%d: the role is neither viewer nor operator", path, n)
		}
		hashed, isHash := strings.CutPrefix(fields[2], "sha256:")
		sum, err := hex.DecodeString(hashed)
		switch {
		case isHash && (err != nil || len(sum) != sha256.Size):
			return nil, fmt.Errorf("%s:%d: what follows sha256: is not a hash of 64 hexadecimal digits", path, n)
		case isHash:
			copy(t.sum[:], sum)
		case len(fields[2]) < shortestToken:
			return nil, fmt.Errorf("%s:%d: the token is shorter than %d characters: make one with openssl rand -hex 32", path, n, shortestToken)
		default:
			t.sum = sha256.Sum256([]byte(fields[2]))
		}
		tokens = append(tokens, t)
	}
	return tokens, lines.Err()
}
