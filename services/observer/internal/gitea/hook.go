// Package gitea turns what the Git forge says into events. A webhook is a hint to look at Git and nothing more: its
// content is never believed, and a lost one is made up for by listing.
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

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/server"
)

const maxHook = 1 << 20

// NewHook receives Gitea's webhooks, signed with a shared secret.
func NewHook(secret string, b *Branches) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHook))
		if err != nil {
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				server.NewProblem(http.StatusRequestEntityTooLarge, "too_large", "The delivery is larger than 1 MiB.").Write(w)
			}
			return
		}
		if !signed(secret, body, r.Header.Get("X-Gitea-Signature")) {
			server.NewProblem(http.StatusUnauthorized, "bad_signature", "The delivery is not signed with the secret of this webhook.").Write(w)
			return
		}
		var hint struct {
			Ref        string `json:"ref"`
			Repository struct {
				Name  string `json:"name"`
				Owner struct {
					Login string `json:"login"`
				} `json:"owner"`
			} `json:"repository"`
		}
		if err := json.Unmarshal(body, &hint); err != nil {
			server.NewProblem(http.StatusBadRequest, "invalid_request", "The delivery is no JSON.").Write(w)
			return
		}
		if repo := (forge.Repo{Organization: hint.Repository.Owner.Login, Name: hint.Repository.Name}); repo.Organization != "" && repo.Name != "" {
			branch, ok := strings.CutPrefix(hint.Ref, "refs/heads/")
			if !ok {
				branch = "" // a tag, another kind of event, or a bare branch name: look at all of them
			}
			b.Look(repo, branch)
		}
		w.WriteHeader(http.StatusAccepted)
	})
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
