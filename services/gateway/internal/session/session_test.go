package session

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestLocalPath(t *testing.T) {
	for in, want := range map[string]string{
		"/": "/", "/organizations/acme?tab=1#x": "/organizations/acme?tab=1#x", "": "/", "x": "/", "//evil": "/", "///evil": "/", "https://evil/": "/",
		"/\\evil": "/", "\\\\evil": "/", "/a\nb": "/", "/%0d%0aX:y": "/%0d%0aX:y", "/auth/login": "/", "javascript:x": "/", "/%2f/evil": "/", " /x": "/",
	} {
		if got := localPath(in); got != want {
			t.Errorf("localPath(%q) = %q, want %q", in, got, want)
		}
	}
	base, err := url.Parse("http://127.0.0.1:7080/auth/callback")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.StringOf(rapid.SampledFrom([]rune("/\\:.@%2f5c evil?#\t\n"))).Draw(t, "in")
		to, err := base.Parse(localPath(in))
		if err != nil || to.Host != base.Host || to.Scheme != base.Scheme {
			t.Fatalf("%q leads to %v (%v)", in, to, err)
		}
	})
}

func TestAttemptBelongsToOneBrowserAndState(t *testing.T) {
	a := newAttempts("secret")
	now := time.Now()
	made := attempt{State: strings.Repeat("S", 26), Nonce: "n", Verifier: "v", ReturnTo: "/x", Until: now.Add(time.Minute)}
	cookie, err := a.cookie(made, true)
	if err != nil {
		t.Fatal(err)
	}
	if !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/auth/callback" || strings.Contains(cookie.Value, "v") && len(cookie.Value) < 40 {
		t.Errorf("cookie: %+v", cookie)
	}
	open := func(a attempts, state string, at time.Time, change func(*http.Cookie)) bool {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		c := *cookie
		if change != nil {
			change(&c)
		}
		r.AddCookie(&c)
		got, ok := a.open(r, state, at)
		return ok && got.Verifier == "v" && got.Nonce == "n" && got.ReturnTo == "/x"
	}
	if !open(a, made.State, now, nil) || !open(newAttempts("secret"), made.State, now, nil) {
		t.Error("the browser that began is not known, here or at another replica")
	}
	for reason, ok := range map[string]bool{
		"another key":           open(newAttempts("other"), made.State, now, nil),
		"no secret, random key": open(newAttempts(""), made.State, now, nil),
		"another state":         open(a, strings.Repeat("S", 25)+"T", now, nil),
		"no state":              open(a, "", now, nil),
		"too late":              open(a, made.State, now.Add(time.Hour), nil),
		"changed":               open(a, made.State, now, func(c *http.Cookie) { c.Value = c.Value[:len(c.Value)-2] + "AA" }),
		"under another name":    open(a, "T"+made.State[1:], now, func(c *http.Cookie) { c.Name = attemptCookie("T" + made.State[1:]) }),
		"nonsense":              open(a, made.State, now, func(c *http.Cookie) { c.Value = "%%%" }),
	} {
		if ok {
			t.Errorf("%s: the attempt is believed", reason)
		}
	}
}
