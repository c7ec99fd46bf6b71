//go:build integration

package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// faultyForge stands between the controller and Gitea: it counts writes and, when told to, fails.
type faultyForge struct {
	url    string
	writes atomic.Int64
	reads  atomic.Int64
	// down answers 503 to everything; blind lists nothing and finds no repository, without an error.
	down, blind atomic.Bool
}

func newFaultyForge(t *testing.T, gitea string) *faultyForge {
	t.Helper()
	target, err := url.Parse(gitea)
	must(t, err)
	f := &faultyForge{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/api/v1")
		switch {
		case f.down.Load():
			http.Error(w, "no", http.StatusServiceUnavailable)
			return
		case f.blind.Load() && strings.HasPrefix(path, "/orgs/") && strings.HasSuffix(path, "/repos"):
			w.Header().Set("X-Total-Count", "0")
			_, _ = w.Write([]byte("[]"))
			return
		case f.blind.Load() && strings.HasPrefix(path, "/repos/"):
			http.Error(w, `{"message":"not found"}`, http.StatusNotFound)
			return
		}
		if r.Method == http.MethodGet {
			f.reads.Add(1)
		} else {
			f.writes.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	f.url = srv.URL
	return f
}
