package expression

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// What encloses an expression in a text.
const (
	open = "{{"
	shut = "}}"
)

// maxDepth of a value that an expression gives.
const maxDepth = 32

// Fill returns a copy of values in which every text with {{ expression }} is filled in. A text that is one expression
// and nothing else becomes its value, whatever its kind. The error begins with where in the values it is.
func Fill(values map[string]any, s Scope) (map[string]any, error) {
	if s.variables == nil {
		s = s.Ready()
	}
	out, err := each(values, func(text string) (any, error) { return fillText(text, s) })
	if err != nil {
		return nil, err
	}
	filled, _ := out.(map[string]any)
	return filled, nil
}

// CheckValues judges the expressions in values before anything is known. It returns the settings that they ask for.
func CheckValues(values map[string]any) ([]Ask, error) {
	var asks []Ask
	_, err := each(values, func(text string) (any, error) {
		parts, err := split(text)
		for _, p := range parts {
			if p.program != nil {
				asks = append(asks, p.program.asks...)
			}
		}
		return text, err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(asks, func(a, b Ask) int { return slices.Compare(a.Path, b.Path) })
	return asks, nil
}

// placedError is an error with where in the values it is.
type placedError struct {
	at  string
	err error
}

func (e *placedError) Error() string { return shorten(e.at) + ": the expression " + e.err.Error() }

// under puts the place of an error below a name.
func under(name string, err *placedError) *placedError {
	return &placedError{"/" + name + err.at, err.err}
}

// each copies a value and changes its texts. Of several errors in a mapping it is that of the first name, so always the
// same one.
func each(v any, change func(text string) (any, error)) (any, *placedError) {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		var first *placedError
		for name, e := range v {
			e, err := each(e, change)
			if err != nil && (first == nil || "/"+name < first.at) {
				first = under(name, err)
			}
			out[name] = e
		}
		return out, first
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			e, err := each(e, change)
			if err != nil {
				return nil, under(strconv.Itoa(i), err)
			}
			out[i] = e
		}
		return out, nil
	case string:
		if !strings.Contains(v, open) {
			return v, nil
		}
		changed, err := change(v)
		if err != nil {
			return nil, &placedError{err: err}
		}
		return changed, nil
	default:
		return v, nil
	}
}

// part is a piece of text, or an expression between two.
type part struct {
	text    string
	program *program
}

func split(text string) ([]part, error) {
	var parts []part
	for {
		before, rest, found := strings.Cut(text, open)
		if before != "" {
			parts = append(parts, part{text: before})
		}
		if !found {
			return parts, nil
		}
		end := closing(rest)
		if end < 0 {
			return parts, errors.New("has no end: " + open + " without " + shut)
		}
		p, err := cache.get(strings.TrimSpace(rest[:end]))
		if err != nil {
			return parts, err
		}
		parts = append(parts, part{program: p})
		text = rest[end+len(shut):]
	}
}

// closing finds the }} that ends an expression: not in a quoted text, and not one that closes a mapping.
func closing(s string) int {
	quote, depth := byte(0), 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			depth--
		case strings.HasPrefix(s[i:], shut):
			return i
		}
	}
	return -1
}

func fillText(text string, s Scope) (any, error) {
	parts, err := split(text)
	if err != nil {
		return nil, err
	}
	if len(parts) == 1 && parts[0].program != nil {
		v, err := parts[0].program.value(s)
		if err != nil {
			return nil, err
		}
		left := maxResult
		return plain(v, 0, &left)
	}
	var out strings.Builder
	for _, p := range parts {
		if p.program == nil {
			out.WriteString(p.text)
			continue
		}
		v, err := p.program.value(s)
		if err != nil {
			return nil, err
		}
		if err := write(&out, v); err != nil {
			return nil, err
		}
		if out.Len() > maxResult {
			return nil, errTooLong
		}
	}
	return out.String(), nil
}

var errTooLong = fmt.Errorf("gives more than %d characters", maxResult)

// write puts a single value into a text.
func write(out *strings.Builder, v ref.Val) error {
	switch v := v.(type) {
	case types.String:
		out.WriteString(string(v))
	case types.Int:
		out.WriteString(strconv.FormatInt(int64(v), 10))
	case types.Uint:
		out.WriteString(strconv.FormatUint(uint64(v), 10))
	case types.Double:
		out.WriteString(strconv.FormatFloat(float64(v), 'g', -1, 64))
	case types.Bool:
		out.WriteString(strconv.FormatBool(bool(v)))
	default:
		return fmt.Errorf("gives %s, which cannot stand in a text", v.Type().TypeName())
	}
	return nil
}

// plain turns a result into a value that JSON knows; left bounds its size.
func plain(v ref.Val, depth int, left *int) (any, error) {
	if *left--; *left < 0 || depth > maxDepth {
		return nil, errTooLong
	}
	switch v := v.(type) {
	case types.Null:
		return nil, nil
	case types.Bool:
		return bool(v), nil
	case types.Int:
		return int64(v), nil
	case types.Double:
		return float64(v), nil
	case types.String:
		if *left -= len(v); *left < 0 {
			return nil, errTooLong
		}
		return string(v), nil
	case traits.Mapper:
		return plainMapping(v, depth, left)
	case traits.Lister:
		out := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			e, err := plain(it.Next(), depth+1, left)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		return out, nil
	default:
		return nil, fmt.Errorf("gives %s, which is no setting", v.Type().TypeName())
	}
}

func plainMapping(v traits.Mapper, depth int, left *int) (any, error) {
	out := map[string]any{}
	for it := v.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := key.(types.String)
		if !ok {
			return nil, errors.New("gives a mapping with names that are no text")
		}
		e, err := plain(v.Get(key), depth+1, left)
		if err != nil {
			return nil, err
		}
		*left -= len(name)
		out[string(name)] = e
	}
	return out, nil
}
