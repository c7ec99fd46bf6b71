// Package login is the page on which a person signs in.
package login

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"

	"catalyst.openova.io/deploy/local/issuer/internal/people"
	"catalyst.openova.io/deploy/local/issuer/internal/provider"
)

//go:embed page.html page.css
var files embed.FS

var page = template.Must(template.ParseFS(files, "page.html"))

// Handler answers GET and POST /login. The form posts request, username and password, so any HTTP client that keeps
// cookies can sign in.
func Handler(p *provider.Provider, dir *people.Directory) http.Handler {
	h := &handler{provider: p, people: dir,
		// Chromium holds redirects after a form to form-action as well, and the last one leads to the console.
		policy: "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; form-action 'self' " + p.RedirectOrigin()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		h.show(w, http.StatusOK, view{Request: r.URL.Query().Get("request")})
	})
	mux.HandleFunc("POST /login", h.signIn)
	mux.HandleFunc("GET /login/page.css", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=300")
		http.ServeFileFS(w, r, files, "page.css")
	})
	return http.MaxBytesHandler(mux, 16<<10)
}

type handler struct {
	provider *provider.Provider
	people   *people.Directory
	policy   string
}

// view is what the page shows.
type view struct {
	Request  string
	Username string
	Error    string
	Lost     bool
	People   []people.Person
	Prefill  string
	Console  string
}

func (h *handler) signIn(w http.ResponseWriter, r *http.Request) {
	request, username := r.PostFormValue("request"), strings.TrimSpace(r.PostFormValue("username"))
	next, proof, err := h.provider.SignIn(request, username, r.PostFormValue("password"))
	switch {
	case errors.Is(err, provider.ErrPassword):
		h.show(w, http.StatusUnauthorized, view{Request: request, Username: username,
			Error: "That password is not right for this person. Check it and try again."})
	case err != nil:
		h.show(w, http.StatusBadRequest, view{Lost: true})
	default:
		http.SetCookie(w, proof)
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, next, http.StatusSeeOther)
	}
}

func (h *handler) show(w http.ResponseWriter, status int, v view) {
	if !v.Lost && !h.provider.Pending(v.Request) {
		v, status = view{Lost: true}, http.StatusBadRequest
	}
	v.Console = h.provider.RedirectOrigin()
	all := h.people.All()
	for _, p := range all {
		if p.Demo {
			v.People = append(v.People, p)
		}
	}
	if v.Error == "" {
		v.Prefill = people.Prefill(all)
	}
	if v.Username == "" && len(v.People) > 0 {
		v.Username = v.People[0].Email
	}
	for _, p := range v.People { // a form may say ada or ada@…
		if strings.EqualFold(p.Username, v.Username) {
			v.Username = p.Email
		}
	}
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		slog.Error("sign-in page", "error", err)
		http.Error(w, "The sign-in page cannot be shown.", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", h.policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	if _, err := b.WriteTo(w); err != nil {
		slog.Debug("sign-in page: client went away", "error", err)
	}
}
