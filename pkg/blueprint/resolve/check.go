package resolve

import (
	"fmt"
	"strings"

	"catalyst.openova.io/pkg/blueprint"
	"catalyst.openova.io/pkg/blueprint/expression"
)

// Check judges the conditions and passed values of a Blueprint, as far as that is possible before there are settings:
// each has to be an expression, and to ask for settings that the Blueprint has. It goes with Blueprint.Validate, for
// those who decide what may be installed.
func Check(b *blueprint.Blueprint) []blueprint.FieldError {
	var wrong []blueprint.FieldError
	for i, d := range b.Spec.Depends {
		at := fmt.Sprintf("/spec/depends/%d", i)
		if d.When != "" {
			asks, err := expression.CheckCondition(d.When)
			wrong = append(wrong, judge(b, at+"/when", asks, err)...)
		}
		if values, ok := d.Values.Value.(map[string]any); ok {
			asks, err := expression.CheckValues(values)
			wrong = append(wrong, judge(b, at+"/values", asks, err)...)
		}
	}
	return wrong
}

func judge(b *blueprint.Blueprint, at string, asks []expression.Ask, err error) []blueprint.FieldError {
	if err != nil {
		return []blueprint.FieldError{{Pointer: at, Message: err.Error()}}
	}
	for _, ask := range asks {
		if !b.Spec.ConfigSchema.Knows(ask.Path) {
			return []blueprint.FieldError{{Pointer: at, Message: "asks for the setting " + shorten(strings.Join(ask.Path, ".")) + ", which is not in configSchema"}}
		}
	}
	return nil
}
