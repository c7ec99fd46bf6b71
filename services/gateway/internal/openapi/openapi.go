// Package openapi merges the documents of the services that make up the API into one.
package openapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"catalyst.openova.io/pkg/server"
)

// Merge adds the paths and schemas of the others to base. Where a schema of another document has the name of a different
// one, it gets the name of its service in front: Blueprint of "Catalyst catalog" becomes CatalogBlueprint. Two documents
// that serve one method of one path are an error.
func Merge(base []byte, others ...[]byte) ([]byte, error) {
	var out map[string]any
	if err := json.Unmarshal(base, &out); err != nil {
		return nil, err
	}
	for _, o := range others {
		var doc map[string]any
		if err := json.Unmarshal(o, &doc); err != nil {
			return nil, err
		}
		have := child(out, []string{"components", "schemas"})
		rename(doc, have)
		for _, at := range [][]string{{"paths"}, {"components", "schemas"}} {
			if err := add(child(out, at), child(doc, at)); err != nil {
				return nil, fmt.Errorf("%v: %w", at, err)
			}
		}
	}
	return json.MarshalIndent(out, "", "  ")
}

// rename gives the schemas of a document that mean something else than those of the same name in have a name of their
// own. A schema that refers to one of them means something else thereby, so this goes on until nothing changes.
func rename(doc, have map[string]any) {
	title, _ := child(doc, []string{"info"})["title"].(string)
	prefix := prefixOf(title)
	for again := true; again; {
		again = false
		schemas := child(doc, []string{"components", "schemas"})
		for name, schema := range schemas {
			other, ok := have[name]
			if !ok || same(other, schema) {
				continue
			}
			delete(schemas, name)
			schemas[prefix+name] = schema
			refer(doc, "#/components/schemas/"+name, "#/components/schemas/"+prefix+name)
			again = true
			break
		}
	}
}

// prefixOf is the last word of a title, as a part of a schema's name.
func prefixOf(title string) string {
	words := strings.FieldsFunc(title, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return "Other"
	}
	last := words[len(words)-1]
	return strings.ToUpper(last[:1]) + last[1:]
}

func refer(v any, from, to string) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if ref, ok := inner.(string); ok && k == "$ref" && ref == from {
				v[k] = to
				continue
			}
			refer(inner, from, to)
		}
	case []any:
		for _, inner := range v {
			refer(inner, from, to)
		}
	}
}

func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func child(doc map[string]any, path []string) map[string]any {
	for _, p := range path {
		next, ok := doc[p].(map[string]any)
		if !ok {
			next = map[string]any{}
			doc[p] = next
		}
		doc = next
	}
	return doc
}

func add(to, from map[string]any) error {
	for name, v := range from {
		have, ok := to[name]
		if !ok {
			to[name] = v
			continue
		}
		// Two services may serve different methods of one path.
		a, aok := have.(map[string]any)
		b, bok := v.(map[string]any)
		if aok && bok && len(name) > 0 && name[0] == '/' {
			if err := add(a, b); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			continue
		}
		if !same(have, v) {
			return fmt.Errorf("%s means two different things", name)
		}
	}
	return nil
}

// Print writes the merged document of this service and the given files.
func Print(w io.Writer, own *huma.OpenAPI, files []string) error {
	base, err := json.Marshal(own)
	if err != nil {
		return err
	}
	var others [][]byte
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		others = append(others, b)
	}
	merged, err := Merge(base, others...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, string(merged))
	return err
}

// fresh is how long a merged document is served again without asking the services.
const fresh = 30 * time.Second

// Handler serves the merged document. While a service does not answer, what was last merged is served.
func Handler(own *huma.OpenAPI, services ...*url.URL) http.HandlerFunc {
	m := &merged{own: own, services: services, client: &http.Client{Timeout: 3 * time.Second}}
	return func(w http.ResponseWriter, r *http.Request) {
		doc, err := m.get(r.Context())
		if err != nil {
			slog.Info("openapi: the document is not complete", "error", err)
			server.NewProblem(http.StatusServiceUnavailable, "openapi_unavailable", "A part of the API does not answer, so its description is not complete. Try again in a moment.").Write(w)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(doc) // the client is gone if this fails
	}
}

type merged struct {
	own      *huma.OpenAPI
	services []*url.URL
	client   *http.Client

	mu  sync.Mutex
	doc []byte
	at  time.Time
}

func (m *merged) get(ctx context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.doc != nil && time.Since(m.at) < fresh {
		return m.doc, nil
	}
	doc, err := m.merge(ctx)
	if err != nil && m.doc != nil {
		return m.doc, nil //nolint:nilerr // the last one is better than none
	}
	if err == nil {
		m.doc, m.at = doc, time.Now()
	}
	return doc, err
}

func (m *merged) merge(ctx context.Context) ([]byte, error) {
	base, err := json.Marshal(m.own)
	if err != nil {
		return nil, err
	}
	others := make([][]byte, 0, len(m.services))
	for _, s := range m.services {
		doc, err := fetch(ctx, m.client, s.JoinPath("/openapi.json").String())
		if err != nil {
			return nil, err
		}
		others = append(others, doc)
	}
	return Merge(base, others...)
}

func fetch(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, 4<<20))
}
