// Package openapi merges the documents of the services that make up the API into one.
package openapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"catalyst.openova.io/pkg/server"
)

// Merge adds the paths and schemas of the others to base. Two documents that mean different things by one name are an
// error.
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
		for _, at := range [][]string{{"paths"}, {"components", "schemas"}} {
			if err := add(child(out, at), child(doc, at)); err != nil {
				return nil, fmt.Errorf("%v: %w", at, err)
			}
		}
	}
	return json.MarshalIndent(out, "", "  ")
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
		x, errX := json.Marshal(have)
		y, errY := json.Marshal(v)
		if errX != nil || errY != nil || !bytes.Equal(x, y) {
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

// Handler serves the merged document, read from the services when it is asked for.
func Handler(own *huma.OpenAPI, services ...*url.URL) http.HandlerFunc {
	client := &http.Client{Timeout: 3 * time.Second}
	return func(w http.ResponseWriter, r *http.Request) {
		base, err := json.Marshal(own)
		if err != nil {
			server.NewProblem(http.StatusInternalServerError, "internal", err.Error()).Write(w)
			return
		}
		var others [][]byte
		for _, s := range services {
			doc, err := fetch(r.Context(), client, s.JoinPath("/openapi.json").String())
			if err != nil {
				server.NewProblem(http.StatusServiceUnavailable, "openapi_unavailable", "A part of the API does not answer, so its description is not complete. Try again in a moment.").Write(w)
				return
			}
			others = append(others, doc)
		}
		merged, err := Merge(base, others...)
		if err != nil {
			server.NewProblem(http.StatusInternalServerError, "internal", err.Error()).Write(w)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(merged) // the client is gone if this fails
	}
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
