package blueprint

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// fieldErrors flattens what the validator found into sentences, one for each wrong value. The document, when given, is
// searched for the author's own message.
func fieldErrors(err error, document map[string]any) []FieldError {
	var detail *jsonschema.ValidationError
	if !errors.As(err, &detail) {
		return []FieldError{{Message: err.Error()}}
	}
	var out []FieldError
	collect(detail, document, &out)
	slices.SortStableFunc(out, func(a, b FieldError) int {
		return cmp.Or(strings.Compare(a.Pointer, b.Pointer), strings.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(out, func(a, b FieldError) bool { return a == b })
}

func collect(e *jsonschema.ValidationError, document map[string]any, out *[]FieldError) {
	const most = 100
	if len(*out) >= most {
		return
	}
	pointer := ""
	for _, token := range e.InstanceLocation {
		pointer += "/" + escape(token)
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			*out = append(*out, FieldError{Pointer: pointer + "/" + escape(name), Message: "is required"})
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			*out = append(*out, FieldError{Pointer: pointer + "/" + escape(name), Message: unknownSetting(e, document)})
		}
	case *kind.AnyOf, *kind.OneOf:
		*out = append(*out, FieldError{Pointer: pointer, Message: cmp.Or(authorMessage(e, document), "fits none, or more than one, of the forms that are allowed here")})
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
		for _, cause := range e.Causes {
			collect(cause, document, out)
		}
	default:
		*out = append(*out, FieldError{Pointer: pointer, Message: cmp.Or(authorMessage(e, document), sentence(e))})
	}
}

func unknownSetting(e *jsonschema.ValidationError, document map[string]any) string {
	properties, _ := schemaAt(e.SchemaURL, document)["properties"].(map[string]any)
	names := make([]string, 0, len(properties))
	for name := range properties {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) == 0 || len(names) > 30 {
		return "is not a setting of this Blueprint"
	}
	return "is not a setting of this Blueprint; there are: " + strings.Join(names, ", ")
}

// authorMessage is what the author of the Blueprint wrote for this case. It never replaces a wrong type.
func authorMessage(e *jsonschema.ValidationError, document map[string]any) string {
	if _, wrongType := e.ErrorKind.(*kind.Type); wrongType {
		return ""
	}
	message, _ := schemaAt(e.SchemaURL, document)[messageKeyword].(string)
	return shortenTo(message, 300)
}

// schemaAt follows the pointer in a schema's address.
func schemaAt(url string, document map[string]any) map[string]any {
	_, pointer, ok := strings.Cut(url, "#")
	if !ok || document == nil {
		return document
	}
	var at any = document
	for _, token := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if token == "" {
			continue
		}
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch v := at.(type) {
		case map[string]any:
			at = v[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			at = v[i]
		default:
			return nil
		}
	}
	m, _ := at.(map[string]any)
	return m
}

var typeWords = map[string]string{
	"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
	"object": "a group of settings", "array": "a list", "null": "nothing",
}

// sentence says what one wrong value has to be.
func sentence(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		want := make([]string, 0, len(k.Want))
		for _, w := range k.Want {
			want = append(want, typeWords[w])
		}
		return fmt.Sprintf("must be %s, not %s", strings.Join(want, " or "), typeWords[k.Got])
	case *kind.Enum:
		return "must be one of: " + list(k.Want)
	case *kind.Const:
		return "must be " + list([]any{k.Want})
	case *kind.Pattern:
		return fmt.Sprintf("does not have the form that is expected: %s", shortenTo(k.Want, 120))
	case *kind.Format:
		if k.Want == "regex" { // in a schema: the author needs to know why
			return fmt.Sprintf("must be a valid regex: %v", k.Err)
		}
		return "must be a valid " + k.Want
	case *kind.FalseSchema:
		return "is not allowed here"
	case *kind.Not:
		return "has a value that is ruled out"
	default:
		return limitSentence(e)
	}
}

func limitSentence(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Minimum:
		return "must be " + rat(k.Want) + " or more"
	case *kind.Maximum:
		return "must be " + rat(k.Want) + " or less"
	case *kind.ExclusiveMinimum:
		return "must be more than " + rat(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be less than " + rat(k.Want)
	case *kind.MultipleOf:
		return "must be a multiple of " + rat(k.Want)
	case *kind.MinLength:
		if k.Got == 0 {
			return "must not be empty"
		}
		return fmt.Sprintf("is too short: %d of at least %d characters", k.Got, k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("is too long: %d of at most %d characters", k.Got, k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d entries, not %d", k.Want, k.Got)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d entries, not %d", k.Want, k.Got)
	case *kind.UniqueItems:
		return "must not have the same entry twice"
	case *kind.PropertyNames:
		return fmt.Sprintf("has the name %q, which is not allowed", shorten(k.Property))
	case *kind.Dependency:
		return fmt.Sprintf("needs %s as well, because of %s", strings.Join(k.Missing, ", "), k.Prop)
	case *kind.DependentRequired:
		return fmt.Sprintf("needs %s as well, because of %s", strings.Join(k.Missing, ", "), k.Prop)
	default:
		return "breaks the rule " + strings.Join(e.ErrorKind.KeywordPath(), "/")
	}
}

func list(values []any) string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, shorten(fmt.Sprint(v)))
	}
	return strings.Join(out, ", ")
}

func rat(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}
