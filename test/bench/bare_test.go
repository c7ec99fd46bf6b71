//go:build bench

package bench

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/test/sovereign"
)

// bare writes the files of an Application with Gitea alone, into an organization that Catalyst knows nothing of and with
// the account that installs.
type bare struct {
	org   string
	forge *sovereign.Forge
	files map[string][]byte
}

var (
	branches = []string{"develop", "staging", "main"}
	author   = forge.Person{Name: "Sam Okoye", Email: sovereign.Chief}
)

func newBare(t *testing.T, s *sovereign.Sovereign, org string) *bare {
	t.Helper()
	b := &bare{org: org, forge: s.Forge(t, "provisioning"), files: map[string][]byte{}}
	admin := s.Forge(t, sovereign.Administrator)
	var me struct{ Login string }
	_, err := b.forge.Call(http.MethodGet, "/user", nil, &me)
	must(t, err)
	_, err = admin.Call(http.MethodPost, "/orgs", map[string]any{"username": org, "visibility": "private"}, nil)
	must(t, err)
	t.Cleanup(func() { must(t, empty(admin, org)) })
	var team struct{ ID int64 }
	_, err = admin.Call(http.MethodPost, "/orgs/"+org+"/teams", map[string]any{
		"name": "writers", "permission": "write", "can_create_org_repo": true, "includes_all_repositories": true, "units": []string{"repo.code"},
	}, &team)
	must(t, err)
	_, err = admin.Call(http.MethodPut, fmt.Sprintf("/teams/%d/members/%s", team.ID, me.Login), nil, nil)
	must(t, err)
	return b
}

func empty(admin *sovereign.Forge, org string) error {
	repos, err := admin.Repos(context.Background(), org)
	for _, r := range repos {
		_, gone := admin.Call(http.MethodDelete, "/repos/"+r.String(), nil, nil)
		err = errors.Join(err, gone)
	}
	_, gone := admin.Call(http.MethodDelete, "/orgs/"+org, nil, nil)
	return errors.Join(err, gone)
}

// take makes the files of an Application those that are written.
func (b *bare) take(ctx context.Context, org, app string) error {
	repo := forge.Repo{Organization: org, Name: app}
	head, err := b.forge.Head(ctx, repo, "develop")
	if err != nil {
		return err
	}
	entries, err := b.forge.Tree(ctx, repo, head.SHA)
	for _, e := range entries {
		content, failed := b.forge.File(ctx, repo, head.SHA, e.Path)
		b.files[e.Path], err = content, errors.Join(err, failed)
	}
	fmt.Printf("# an install writes %d files\n", len(b.files))
	return err
}

// push is the floor: one call that makes the repository, one push of all three branches.
func (b *bare) push(name string) (time.Duration, error) {
	start, repo := time.Now(), forge.Repo{Organization: b.org, Name: name}
	if err := b.forge.CreateRepo(context.Background(), repo, "floor"); err != nil {
		return 0, err
	}
	d := &forge.Draft{Author: author, Message: "Install " + name, At: start, Change: forge.Change{Write: b.files}}
	var refs []forge.RefUpdate
	for _, branch := range branches {
		refs = append(refs, forge.RefUpdate{Branch: branch, Draft: d})
	}
	_, err := b.forge.Push(context.Background(), repo, refs)
	return time.Since(start), err
}

// perFile is what a client does that knows the contents API only.
func (b *bare) perFile(name string) (time.Duration, error) {
	return b.byAPI(name, func(path string) error {
		for _, file := range slices.Sorted(maps.Keys(b.files)) {
			if _, err := b.forge.Call(http.MethodPost, path+"/contents/"+file, map[string]any{
				"branch": "main", "message": "Add " + file, "content": base64.StdEncoding.EncodeToString(b.files[file]),
			}, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// changeFiles is the best that Gitea's API has.
func (b *bare) changeFiles(name string) (time.Duration, error) {
	var all []map[string]any
	for file, content := range b.files {
		all = append(all, map[string]any{"operation": "create", "path": file, "content": base64.StdEncoding.EncodeToString(content)})
	}
	return b.byAPI(name, func(path string) error {
		_, err := b.forge.Call(http.MethodPost, path+"/contents", map[string]any{"branch": "main", "message": "Install " + name, "files": all}, nil)
		return err
	})
}

// byAPI writes to main, and makes the other branches from it.
func (b *bare) byAPI(name string, write func(path string) error) (time.Duration, error) {
	start, repo := time.Now(), forge.Repo{Organization: b.org, Name: name}
	if err := b.forge.CreateRepo(context.Background(), repo, "peer"); err != nil {
		return 0, err
	}
	path := "/repos/" + repo.String()
	if err := write(path); err != nil {
		return 0, err
	}
	for _, branch := range []string{"develop", "staging"} {
		if _, err := b.forge.Call(http.MethodPost, path+"/branches", map[string]any{"new_branch_name": branch, "old_ref_name": "main"}, nil); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}
