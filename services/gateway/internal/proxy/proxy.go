// Package proxy passes requests on to the services that serve a part of the API.
package proxy

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"time"

	"catalyst.openova.io/pkg/server"
)

// maxBody is the largest request that is passed on.
const maxBody = 1 << 20

// Service passes requests on to one of our services. The caller's session has become a bearer token by then; cookies
// stay here.
func Service(name string, target *url.URL) http.HandlerFunc {
	p := &httputil.ReverseProxy{
		Transport: transport(),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.SetXForwarded()
			r.Out.Header.Del("Cookie")
			if !requestID.MatchString(r.Out.Header.Get("X-Request-Id")) {
				r.Out.Header.Set("X-Request-Id", rand.Text())
			}
		},
		ModifyResponse: func(r *http.Response) error { r.Header.Del("Set-Cookie"); return nil },
		ErrorHandler:   func(w http.ResponseWriter, r *http.Request, err error) { fail(name, w, r, err) },
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if !plain(r.URL.EscapedPath()) {
			server.NewProblem(http.StatusNotFound, "not_found", "There is nothing by that name.").Write(w)
			return
		}
		if r.ContentLength > maxBody {
			tooLarge().Write(w)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		p.ServeHTTP(w, r)
	}
}

// requestID is what we pass on of a caller's own request ids; others are replaced.
var requestID = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)

// plain tells whether a path means the same to everybody who reads it. Names of ours need no escaping; a path with
// escapes or dots could reach something else behind us than what was matched here.
func plain(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." || strings.ContainsAny(segment, "%;\\") {
			return false
		}
	}
	return true
}

// Bootstrap passes on what the supervisor of a local Sovereign tells of its start; nil where there is none.
func Bootstrap(target *url.URL) http.HandlerFunc {
	if target == nil {
		return func(w http.ResponseWriter, _ *http.Request) {
			server.NewProblem(http.StatusNotFound, "not_found", "This Sovereign was not started by `catalyst up`, so there is no bootstrap to watch.").Write(w)
		}
	}
	p := &httputil.ReverseProxy{
		Transport: transport(), FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.URL.Path = r.In.URL.Path[len("/api/v1"):]
			r.Out.Header.Del("Cookie")
			r.Out.Header.Del("Authorization")
		},
		ModifyResponse: func(r *http.Response) error { r.Header.Del("Set-Cookie"); return nil },
		ErrorHandler:   func(w http.ResponseWriter, r *http.Request, err error) { fail("supervisor", w, r, err) },
	}
	return p.ServeHTTP
}

func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = 30 * time.Second
	t.MaxIdleConnsPerHost = 32
	return t
}

func fail(name string, w http.ResponseWriter, r *http.Request, err error) {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		tooLarge().Write(w)
		return
	}
	if r.Context().Err() != nil {
		return // the client went away
	}
	slog.Info("proxy: upstream does not answer", "upstream", name, "error", err)
	server.NewProblem(http.StatusServiceUnavailable, name+"_unavailable",
		fmt.Sprintf("The service %s does not answer. Nothing was changed; try again in a moment.", name)).Write(w)
}

func tooLarge() *server.Problem {
	return server.NewProblem(http.StatusRequestEntityTooLarge, "too_large", "The request is larger than 1 MiB. Nothing was changed.")
}
