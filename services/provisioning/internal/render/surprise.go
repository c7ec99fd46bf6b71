package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"
)

// surprises are the functions of templates whose result nobody can tell in advance, and that were called. They are given
// a fixed result, so that two renderings differ only where what was asked for does.
type surprises struct{ called map[string]bool }

// placeholder stands where Helm puts something random.
const placeholder = "random"

func (s *surprises) functions() template.FuncMap {
	s.called = map[string]bool{}
	text := func(name string) any {
		return func(...any) string { s.called[name] = true; return placeholder }
	}
	pair := func(name string) any {
		return func(...any) map[string]any {
			s.called[name] = true
			return map[string]any{"Cert": placeholder, "Key": placeholder}
		}
	}
	out := template.FuncMap{
		"lookup": func(...any) map[string]any { s.called["lookup"] = true; return map[string]any{} },
		"now":    func() time.Time { s.called["now"] = true; return time.Unix(0, 0).UTC() },
		"randInt": func(least, most int) int {
			s.called["randInt"] = true
			return least
		},
		"getHostByName": func(string) string { return "" },
	}
	for _, name := range []string{"genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey"} {
		out[name] = pair(name)
	}
	for _, name := range []string{
		"randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes", "uuidv4", "shuffle", "genPrivateKey", "bcrypt", "htpasswd", "encryptAES",
	} {
		out[name] = text(name)
	}
	return out
}

func (s *surprises) notes() []string {
	if len(s.called) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("the chart uses %s, so what it makes of that is known only when Flux renders it", strings.Join(slices.Sorted(maps.Keys(s.called)), ", "))}
}
