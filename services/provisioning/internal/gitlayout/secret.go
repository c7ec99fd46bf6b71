package gitlayout

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"catalyst.openova.io/pkg/blueprint"
)

// How a setting is told from a secret: its schema says that it is one; or its text has the shape of a known kind of
// token; or its name says so and the text is no reference, placeholder or name of a Secret.

// token is the shape of what a known maker hands out as a secret.
type token struct {
	what  string
	shape *regexp.Regexp
}

var tokens = []token{
	{"a private key", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY`)},
	{"a private key of age", regexp.MustCompile(`AGE-SECRET-KEY-1[0-9A-Z]{30,}`)},
	{"a key of AWS", regexp.MustCompile(`\b(AKIA|ASIA)[0-9A-Z]{16}\b`)},
	{"a token of GitHub", regexp.MustCompile(`\b(gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{50,})`)},
	{"a token of GitLab", regexp.MustCompile(`\bgl(pat|ptt|rt|dt|cbt)-[0-9A-Za-z_-]{20,}`)},
	{"a token of Slack", regexp.MustCompile(`\bxox[abeoprs]-[0-9A-Za-z-]{10,}`)},
	{"a key of Stripe", regexp.MustCompile(`\b[rs]k_(live|test)_[0-9A-Za-z]{16,}`)},
	{"a key of Google", regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{35}`)},
	{"a key of SendGrid", regexp.MustCompile(`\bSG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}`)},
	{"a key of an AI service", regexp.MustCompile(`\bsk-(ant-|proj-)?[0-9A-Za-z_-]{32,}`)},
	{"a token of npm or PyPI", regexp.MustCompile(`\b(npm_[0-9A-Za-z]{36}|pypi-[0-9A-Za-z_-]{40,})`)},
	{"a token of DigitalOcean", regexp.MustCompile(`\bdo[opr]_v1_[0-9a-f]{64}`)},
	{"a token of OpenBao or Vault", regexp.MustCompile(`\b(hv[sbr]|s|b)\.[0-9A-Za-z_-]{24,}\b`)},
	{"a seed of NATS", regexp.MustCompile(`\bS[AOUNCX][A-Z2-7]{56}\b`)},
	{"a signed token (JWT)", regexp.MustCompile(`\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}`)},
}

// withPassword is a URL with a password in it.
var withPassword = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@`)

var (
	// reference is text that stands for a value which is elsewhere.
	reference = regexp.MustCompile(`^\s*(\$\{?[A-Za-z_(]|\$\(|\{\{|<[^>]*>|\[[^\]]*\]|%[A-Z_]+%|[a-z][a-z0-9+]*(://|:[a-z]+/)|(vault|bao|ref|secret|env|file|aws|gcp|azure):|ENC\[|!)`)
	// placeholder is text that nobody would take for a secret.
	placeholder = regexp.MustCompile(`(?i)^(change-?_?me.*|replace-?_?me.*|to-?be-?set|todo|tbd|none|null|nil|example|sample|dummy|placeholder|redacted|hidden|unset|default|auto|generated?|random|x+|\*+|\.+|-+|_+|true|false|yes|no|on|off|enabled|disabled|required|optional|[0-9]+[smhd]?)$`)
	// label is what the name of a Secret or of a key in one looks like.
	label = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
)

// kinds of names, by their last words.
var (
	// saysPassword: any text under it is one.
	saysPassword = []string{"password", "passwd", "passphrase", "pwd", "pw"}
	// saysSecret: a text under it is one if it looks random.
	saysSecret = []string{"secret", "token", "credential", "credentials", "apikey", "privatekey", "secretkey", "accesskey", "signingkey", "encryptionkey", "authkey", "masterkey", "key", "auth", "bearer", "salt"}
)

const (
	// random is how many bits a character of a text carries at least that nobody made up, and longRandom is the shortest
	// text of which that can be said.
	random     = 3.2
	longRandom = 12
	// deepest is how deep settings are searched.
	deepest = 64
)

// PlainSecrets finds the settings that hold a secret as plain text, by JSON pointer. The value is in no message.
func PlainSecrets(values map[string]any, schema blueprint.Schema) []blueprint.FieldError {
	var s secrets
	s.search("", "", values, schema.Document(), deepest)
	return s.found
}

type secrets struct{ found []blueprint.FieldError }

func (s *secrets) search(pointer, name string, v any, schema map[string]any, depth int) {
	if depth == 0 {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			s.search(pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(k), k, v[k], property(schema, k), depth-1)
		}
	case []any:
		items := under(schema, "items")
		for i, e := range v {
			s.search(pointer+"/"+strconv.Itoa(i), name, e, items, depth-1)
		}
	case string:
		if why := secret(name, v, schema); why != "" {
			s.found = append(s.found, blueprint.FieldError{
				Pointer: pointer, Message: "holds " + why + " as plain text, which everybody who may read the repository can see: put it into a Secret and name that here",
			})
		}
	}
}

func property(schema map[string]any, name string) map[string]any {
	if p, ok := under(schema, "properties")[name].(map[string]any); ok {
		return p
	}
	return under(schema, "additionalProperties")
}

// secret says what a text is, or nothing if it is no secret.
func secret(name, text string, schema map[string]any) string {
	text = strings.TrimSpace(text)
	if text == "" || reference.MatchString(text) && !withPassword.MatchString(text) || placeholder.MatchString(text) {
		return ""
	}
	if m := withPassword.FindStringSubmatch(text); m != nil {
		if reference.MatchString(m[1]) || placeholder.MatchString(m[1]) {
			return ""
		}
		return "a password in an address"
	}
	if schema["writeOnly"] == true || schema["x-secret"] == true || schema["format"] == "password" {
		return "a secret"
	}
	for _, t := range tokens {
		if t.shape.MatchString(text) {
			return t.what
		}
	}
	if schema["enum"] != nil || schema["const"] != nil || strings.ContainsFunc(text, unicode.IsSpace) {
		return ""
	}
	last := lastWords(name)
	switch {
	case slices.Contains(saysPassword, last[0]):
		return "a password"
	case last[1] != "publickey" && (slices.Contains(saysSecret, last[0]) || slices.Contains(saysSecret, last[1])) && looksRandom(text):
		return "what looks like a secret"
	}
	return ""
}

// lastWords are the last word of a name such as adminApiKey or ADMIN_API_KEY, and the last two together.
func lastWords(name string) [2]string {
	var words []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			words, word = append(words, strings.ToLower(string(word))), nil
		}
	}
	before := ' '
	for _, r := range name {
		if !unicode.IsLetter(r) {
			end()
		} else {
			if unicode.IsUpper(r) && unicode.IsLower(before) {
				end()
			}
			word = append(word, r)
		}
		before = r
	}
	end()
	switch n := len(words); n {
	case 0:
		return [2]string{}
	case 1:
		return [2]string{words[0], words[0]}
	default:
		return [2]string{words[n-1], words[n-2] + words[n-1]}
	}
}

// looksRandom tells a text that a machine made from one that a person wrote, such as the name of a Secret.
func looksRandom(text string) bool {
	if len(text) < longRandom || entropy(text) < random {
		return false
	}
	digits := strings.ContainsFunc(text, unicode.IsDigit)
	if !label.MatchString(text) {
		return digits
	}
	// Names are words with dashes; a machine writes no words.
	longest := 0
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == '-' || r == '.' }) {
		if strings.ContainsFunc(part, unicode.IsDigit) && strings.ContainsFunc(part, unicode.IsLetter) {
			longest = max(longest, len(part))
		}
	}
	return longest >= longRandom
}

// entropy is how many bits a character carries.
func entropy(text string) float64 {
	count := map[rune]float64{}
	n := 0.0
	for _, r := range text {
		count[r]++
		n++
	}
	bits := 0.0
	for _, c := range count {
		bits -= c / n * math.Log2(c/n)
	}
	return bits
}
