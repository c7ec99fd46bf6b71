// Package gitea turns what the Git forge says into events. A webhook is a hint to look at Git and nothing more: its
// content is never believed, and a lost one is made up for by listing. So it does no harm to deliver one twice, late or
// out of order.
package gitea

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/server"
)

const (
	// maxHook is the size in bytes of the largest delivery.
	maxHook = 1 << 20
	// hookFor is how long a delivery may take.
	hookFor = 10 * time.Second
)

// Hints takes what webhooks hint at.
type Hints interface {
	// Pushed says that a branch may have moved.
	Pushed(repo forge.Repo, branch string)
	// Look says that something else may have happened to a repository.
	Look(repo forge.Repo)
}

// hinting are the deliveries that hint at something, as Gitea names them in a header.
var hinting = map[string]bool{
	"push": true, "create": true, "delete": true, "repository": true, "status": true,
	"pull_request": true, "pull_request_approved": true, "pull_request_rejected": true, "pull_request_comment": true,
	"pull_request_review": true, "pull_request_review_approved": true, "pull_request_review_rejected": true, "pull_request_review_comment": true,
	"pull_request_sync": true,
}

// NewHook receives Gitea's webhooks, signed with a shared secret.
func NewHook(secret string, hints Hints) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, problem := receive(w, r)
		if problem == nil && !signed(secret, body, r.Header.Get("X-Gitea-Signature")) {
			problem = server.NewProblem(http.StatusUnauthorized, "bad_signature", "The delivery is not signed with the secret of this webhook.")
		}
		if problem == nil {
			problem = pass(r.Header.Get("X-Gitea-Event"), body, hints)
		}
		if problem != nil {
			problem.Write(w)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
}

// receive reads a delivery. One that is too large or too slow is not read to its end.
func receive(w http.ResponseWriter, r *http.Request) ([]byte, *server.Problem) {
	large := server.NewProblem(http.StatusRequestEntityTooLarge, "too_large", "The delivery is larger than 1 MiB.")
	if r.ContentLength > maxHook {
		w.Header().Set("Connection", "close")
		return nil, large
	}
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(hookFor)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, server.NewProblem(http.StatusInternalServerError, "internal", "The delivery cannot be read.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHook))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, large
	case err != nil:
		return nil, server.NewProblem(http.StatusBadRequest, "invalid_request", "The delivery was cut off.")
	}
	return body, nil
}

// pass passes on what a delivery hints at.
func pass(event string, body []byte, hints Hints) *server.Problem {
	var hint struct {
		Ref        string `json:"ref"`
		RefType    string `json:"ref_type"`
		Repository struct {
			Name  string `json:"name"`
			Owner struct {
				Login string `json:"login"`
			} `json:"owner"`
		} `json:"repository"`
	}
	if err := json.Unmarshal(body, &hint); err != nil {
		return server.NewProblem(http.StatusBadRequest, "invalid_request", "The delivery is no JSON.")
	}
	repo := forge.Repo{Organization: hint.Repository.Owner.Login, Name: hint.Repository.Name}
	if repo.Organization == "" || repo.Name == "" || !hinting[event] {
		return nil
	}
	branch, full := strings.CutPrefix(hint.Ref, "refs/heads/")
	switch {
	case event == "push" && full, (event == "create" || event == "delete") && hint.RefType == "branch":
		hints.Pushed(repo, branch)
	default:
		hints.Look(repo)
	}
	return nil
}

func signed(secret string, body []byte, signature string) bool {
	got, err := hex.DecodeString(signature)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hmac.Equal(got, mac.Sum(nil))
}
