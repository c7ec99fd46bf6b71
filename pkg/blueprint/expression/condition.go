package expression

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// condition compiles what stands under when. The form {{ … }} is read as well.
func condition(source string) (*program, error) {
	s := strings.TrimSpace(source)
	if strings.HasPrefix(s, open) && strings.HasSuffix(s, shut) {
		s = strings.TrimSuffix(strings.TrimPrefix(s, open), shut)
	}
	p, err := cache.get(s)
	if err != nil {
		return nil, err
	}
	if p.kind != cel.BoolType && p.kind != cel.DynType {
		return nil, fmt.Errorf("gives %s, not true or false", p.kind)
	}
	return p, nil
}

// CheckCondition judges a condition before anything is known. It returns the settings that the condition asks for.
func CheckCondition(source string) ([]Ask, error) {
	p, err := condition(source)
	if err != nil {
		return nil, err
	}
	return p.asks, nil
}

// Holds works out a condition.
func Holds(source string, s Scope) (bool, error) {
	p, err := condition(source)
	if err != nil {
		return false, err
	}
	v, err := p.value(s)
	if err != nil {
		return false, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, fmt.Errorf("gives %s, not true or false", v.Type().TypeName())
	}
	return bool(b), nil
}

// value runs a program.
func (p *program) value(s Scope) (ref.Val, error) {
	if s.variables == nil {
		s = s.Ready()
	}
	v, _, err := p.run.Eval(s.variables)
	if err == nil {
		return v, nil
	}
	for _, ask := range p.asks {
		if !ask.Guarded && missing(s.Config, ask.Path) && !p.guards(ask.Path) {
			return nil, fmt.Errorf("asks for the setting %s, which has no value", shorten(strings.Join(ask.Path, ".")))
		}
	}
	switch message := err.Error(); {
	case strings.Contains(message, "cost limit"):
		return nil, errors.New("costs more to work out than is allowed")
	case strings.Contains(message, "no such overload"):
		return nil, errors.New("puts values of different kinds together")
	default:
		return nil, errors.New("cannot be worked out: " + shorten(message))
	}
}

func missing(config map[string]any, path []string) bool {
	var at any = config
	for _, name := range path {
		m, ok := at.(map[string]any)
		if !ok {
			return false
		}
		if at, ok = m[name]; !ok {
			return true
		}
	}
	return false
}

// guards is true when has() asks for the setting or for one around it.
func (p *program) guards(path []string) bool {
	for _, ask := range p.asks {
		if ask.Guarded && len(ask.Path) <= len(path) && strings.Join(ask.Path, "\x00") == strings.Join(path[:len(ask.Path)], "\x00") {
			return true
		}
	}
	return false
}
