package spine

import (
	"fmt"
	"strings"
)

const hexDigits = "0123456789ABCDEF"

// Encode turns any string into one token of a subject or key, injectively: letters, digits, '-' and '_' stay, every
// other byte becomes =XX. The empty string becomes "=". JetStream does not check a subject that reaches a key-value
// stream directly, so nothing from outside may become a token in any other way.
func Encode(s string) string {
	if s == "" {
		return "="
	}
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = isPlain(s[i])
	}
	if plain {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	for i := 0; i < len(s); i++ {
		if c := s[i]; isPlain(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('=')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

// Decode is the inverse of Encode. It refuses what Encode cannot have made.
func Decode(token string) (string, error) {
	if token == "=" {
		return "", nil
	}
	if token == "" {
		return "", fmt.Errorf("token is empty")
	}
	var b strings.Builder
	b.Grow(len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		switch {
		case isPlain(c):
			b.WriteByte(c)
		case c == '=' && i+2 < len(token):
			hi, lo := strings.IndexByte(hexDigits, token[i+1]), strings.IndexByte(hexDigits, token[i+2])
			if hi < 0 || lo < 0 {
				return "", fmt.Errorf("token %q: bad escape at %d", token, i)
			}
			d := byte(hi<<4 | lo)
			if isPlain(d) {
				return "", fmt.Errorf("token %q: needless escape at %d", token, i)
			}
			b.WriteByte(d)
			i += 2
		default:
			return "", fmt.Errorf("token %q: bad byte at %d", token, i)
		}
	}
	return b.String(), nil
}

func isPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}
