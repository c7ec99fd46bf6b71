package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/view"
)

// types are the views that there are.
var types = map[view.Kind]reflect.Type{
	view.KindSovereign:    reflect.TypeFor[view.Sovereign](),
	view.KindOrganization: reflect.TypeFor[view.Organization](),
	view.KindEnvironment:  reflect.TypeFor[view.Environment](),
	view.KindApplication:  reflect.TypeFor[view.Application](),
	view.KindOperation:    reflect.TypeFor[view.Operation](),
	view.KindActivity:     reflect.TypeFor[view.Activity](),
	view.KindBlueprintUse: reflect.TypeFor[view.BlueprintUse](),
	view.KindSetAside:     reflect.TypeFor[view.SetAside](),
}

// fields is what is wanted of an object: some of its fields, in the order of the type, and of each all or some. Nil is
// all.
type fields struct {
	names []string
	of    map[string]*fields
}

// tag tells selections apart.
func (f *fields) tag() string {
	if f == nil {
		return ""
	}
	h := fnv.New64a()
	f.describe(h)
	return fmt.Sprintf("-%x", h.Sum64())
}

func (f *fields) describe(w interface{ Write([]byte) (int, error) }) {
	for _, name := range f.names {
		fmt.Fprint(w, name, "(")
		if of := f.of[name]; of != nil {
			of.describe(w)
		}
		fmt.Fprint(w, ")")
	}
}

// append appends what is wanted of a JSON value; of an array it is wanted of each element.
func (f *fields) append(b []byte, object json.RawMessage) []byte {
	object = bytes.TrimSpace(object)
	if f == nil || len(object) == 0 {
		return append(b, object...)
	}
	switch object[0] {
	case '[':
		var items []json.RawMessage
		if json.Unmarshal(object, &items) != nil {
			return append(b, "null"...) // views are JSON; this cannot be
		}
		b = append(b, '[')
		for i, item := range items {
			if i > 0 {
				b = append(b, ',')
			}
			b = f.append(b, item)
		}
		return append(b, ']')
	case '{':
		var have map[string]json.RawMessage
		if json.Unmarshal(object, &have) != nil {
			return append(b, "null"...)
		}
		b = append(b, '{')
		first := true
		for _, name := range f.names {
			value, ok := have[name]
			if !ok {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(append(append(b, '"'), name...), `":`...)
			b = f.of[name].append(b, value)
		}
		return append(b, '}')
	default:
		return append(b, object...)
	}
}

// parseFields reads a selection. A field that the view does not have is an error that names those that it has.
func parseFields(kind view.Kind, list string) (*fields, error) {
	if list == "" {
		return nil, nil //nolint:nilnil // nil is all
	}
	var wanted [][]string
	for path := range strings.SplitSeq(list, ",") {
		wanted = append(wanted, strings.Split(strings.TrimSpace(path), "."))
	}
	return selectFields(types[kind], string(kind), wanted)
}

func selectFields(t reflect.Type, name string, wanted [][]string) (*fields, error) {
	known := fieldsOf(t)
	rest := map[string][][]string{}
	whole := map[string]bool{}
	for _, path := range wanted {
		if _, ok := known.types[path[0]]; !ok {
			return nil, unknownField(path[0], name, known.names)
		}
		if len(path) == 1 {
			whole[path[0]] = true
		} else {
			rest[path[0]] = append(rest[path[0]], path[1:])
		}
	}
	out := &fields{of: map[string]*fields{}}
	for _, field := range known.names {
		if len(rest[field]) > 0 {
			inner, err := selectFields(known.types[field], name+"."+field, rest[field])
			if err != nil {
				return nil, err
			}
			if !whole[field] {
				out.of[field] = inner
			}
		} else if !whole[field] {
			continue
		}
		out.names = append(out.names, field)
	}
	return out, nil
}

func unknownField(field, of string, known []string) error {
	hint := "It has none."
	if len(known) > 0 {
		hint = "Known are " + strings.Join(known, ", ") + "."
	}
	p := server.NewProblem(http.StatusBadRequest, "unknown_field", fmt.Sprintf("%s has no field %q. %s", of, field, hint))
	p.Errors = []server.Field{{Location: "query.fields", Message: fmt.Sprintf("unknown field %q", field)}}
	return p
}

// known is the fields of a type, as JSON names them.
type known struct {
	names []string
	types map[string]reflect.Type
}

var knownFields sync.Map // reflect.Type -> known

func fieldsOf(t reflect.Type) known {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if k, ok := knownFields.Load(t); ok {
		return k.(known) //nolint:forcetypeassert // see below
	}
	k := known{types: map[string]reflect.Type{}}
	if t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]() {
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous || name == "" || name == "-" {
				continue
			}
			k.names = append(k.names, name)
			k.types[name] = f.Type
		}
	}
	knownFields.Store(t, k)
	return k
}
