package session

import (
	"html/template"
	"log/slog"
	"net/http"
	"strings"

	"catalyst.openova.io/pkg/server"
)

// page is what a person sees who follows a link to the sign-in and cannot be signed in. It works under the console's
// content security policy: no scripts.
var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
{{if .Wait}}<meta http-equiv="refresh" content="2">{{end}}<title>Sign in · Catalyst</title>
<style>
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto 0;padding:0 1.25rem}
h1{font-size:1.35rem;margin:0 0 .5rem}p{margin:0 0 1.25rem;opacity:.8}
</style></head><body><main>
{{if .Wait}}<h1>Sign-in is not ready yet</h1><p role="status">{{.Detail}} This page tries again by itself.</p>
{{else}}<h1>You are not signed in</h1><p role="alert">{{.Detail}}</p><p><a href="{{.Next}}">Sign in again</a></p>{{end}}
</main></body></html>
`))

// answer tells a browser in a page what it tells a program in a Problem. next is where "again" leads.
func answer(w http.ResponseWriter, r *http.Request, p *server.Problem, next string) {
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		p.Write(w)
		return
	}
	wait := p.Status == http.StatusServiceUnavailable && r.URL.Path == "/auth/login"
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(p.Status)
	err := page.Execute(w, struct {
		Wait         bool
		Detail, Next string
	}{wait, p.Detail, next})
	if err != nil {
		slog.Debug("session: client went away", "error", err)
	}
}
