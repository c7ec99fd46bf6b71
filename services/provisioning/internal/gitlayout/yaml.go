package gitlayout

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Our own writer of YAML, because these files are read by YAML 1.1 and 1.2 parsers alike: text that either of them could
// take for something else ("no", "1:30", "0x1f") is quoted.

var (
	plainText = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_./ -]|:[A-Za-z0-9_./-])*$`)
	// quantity is an amount such as 100m or 1Gi.
	quantity = regexp.MustCompile(`^[0-9]+(m|k|M|G|T|Ki|Mi|Gi|Ti)$`)
	// word is what a YAML parser may read as a boolean, null or number.
	word = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null|nan|inf)$`)
)

// quote writes text as a YAML scalar.
func quote(s string) string {
	if quantity.MatchString(s) || plainText.MatchString(s) && !word.MatchString(s) && !strings.HasSuffix(s, " ") {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == ' ' || r < unicode.MaxASCII && unicode.IsPrint(r):
			b.WriteRune(r)
		case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsPunct(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02X`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// scalar writes a value that is neither a map nor a list with entries.
func scalar(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<63 {
			return strconv.FormatInt(int64(v), 10)
		}
		s := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.Contains(s, ".") { // 1e+21 is text in YAML 1.1
			s = strings.Replace(s, "e", ".0e", 1)
		}
		return s
	case json.Number:
		return v.String()
	case string:
		return quote(v)
	case map[string]any:
		return "{}"
	case []any:
		return "[]"
	default:
		return quote(fmt.Sprint(v))
	}
}

func nested(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) > 0
	case []any:
		return len(v) > 0
	default:
		return false
	}
}

// entry returns the lines of one key of a map.
func entry(indent int, key string, v any) []string {
	pad := strings.Repeat(" ", indent)
	if text, ok := v.(string); ok {
		if lines := block(indent, pad+quote(key)+":", text); lines != nil {
			return lines
		}
	}
	if !nested(v) {
		return []string{pad + quote(key) + ": " + scalar(v)}
	}
	lines := []string{pad + quote(key) + ":"}
	switch v := v.(type) {
	case map[string]any:
		lines = append(lines, mapping(indent+2, v)...)
	case []any:
		lines = append(lines, sequence(indent+2, v)...)
	}
	return lines
}

// nameFirst are the keys that people write first, to say what a mapping is about.
var nameFirst = []string{"alias", "name", "kind"}

func mapping(indent int, m map[string]any) []string {
	var lines []string
	for _, k := range slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(-cmp.Compare(slices.Index(nameFirst, a), slices.Index(nameFirst, b)), cmp.Compare(a, b))
	}) {
		lines = append(lines, entry(indent, k, m[k])...)
	}
	return lines
}

// block writes lines of text as they are, behind a |. Other texts are quoted.
func block(indent int, head, text string) []string {
	if !plainLines(text) {
		return nil
	}
	lines := []string{head + " |"}
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			line = strings.Repeat(" ", indent+2) + line
		}
		lines = append(lines, line)
	}
	return lines
}

func plainLines(text string) bool {
	if strings.Count(text, "\n") < 2 || !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") || strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\n") {
		return false
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); strings.TrimRight(line, " ") != line || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r >= unicode.MaxASCII }) {
			return false
		}
	}
	return true
}

func sequence(indent int, list []any) []string {
	var lines []string
	pad := strings.Repeat(" ", indent)
	for _, v := range list {
		if text, ok := v.(string); ok {
			if inner := block(indent, pad+"-", text); inner != nil {
				lines = append(lines, inner...)
				continue
			}
		}
		if !nested(v) {
			lines = append(lines, pad+"- "+scalar(v))
			continue
		}
		var inner []string
		switch v := v.(type) {
		case map[string]any:
			inner = mapping(indent+2, v)
		case []any:
			inner = sequence(indent+2, v)
		}
		inner[0] = pad + "- " + inner[0][indent+2:]
		lines = append(lines, inner...)
	}
	return lines
}
