package gitea

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/forge/internal/object"
)

// maxFile is the largest file that File returns.
const maxFile = 1 << 20

type person struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

type commitAnswer struct {
	SHA    string `json:"sha"`
	Commit struct {
		Author    person `json:"author"`
		Committer struct {
			Date time.Time `json:"date"`
		} `json:"committer"`
		Message string `json:"message"`
		Tree    struct {
			SHA string `json:"sha"`
		} `json:"tree"`
	} `json:"commit"`
	Parents []struct {
		SHA string `json:"sha"`
	} `json:"parents"`
}

// Head implements forge.Reader.
func (c *Client) Head(ctx context.Context, repo forge.Repo, branch string) (forge.Commit, error) {
	head, err := c.commit(ctx, repo, "refs/heads/"+branch)
	if err != nil {
		return head, fmt.Errorf("branch %s of %s: %w", branch, repo, err)
	}
	return head, nil
}

// commit reads what a ref or SHA names.
func (c *Client) commit(ctx context.Context, repo forge.Repo, ref string) (forge.Commit, error) {
	var v commitAnswer
	query := url.Values{"stat": {"false"}, "verification": {"false"}, "files": {"false"}}
	if _, err := c.get(ctx, repoPath(repo)+"/git/commits/"+url.PathEscape(ref), query, &v); err != nil {
		return forge.Commit{}, err
	}
	return v.commit(), nil
}

func (v commitAnswer) commit() forge.Commit {
	out := forge.Commit{
		SHA: v.SHA, Tree: v.Commit.Tree.SHA, Message: strings.TrimRight(v.Commit.Message, "\n"),
		Author: forge.Person{Name: v.Commit.Author.Name, Email: v.Commit.Author.Email}, At: v.Commit.Committer.Date.UTC(),
	}
	for _, p := range v.Parents {
		out.Parents = append(out.Parents, p.SHA)
	}
	return out
}

// Log implements forge.History.
func (c *Client) Log(ctx context.Context, repo forge.Repo, branch string, limit int) ([]forge.Commit, error) {
	var v []commitAnswer
	query := url.Values{"sha": {"refs/heads/" + branch}, "limit": {strconv.Itoa(min(limit, 50))},
		"stat": {"false"}, "verification": {"false"}, "files": {"false"}}
	_, err := c.get(ctx, repoPath(repo)+"/commits", query, &v)
	if errors.Is(err, forge.ErrExists) {
		// 409: Gitea's database takes the repository for empty, for a moment after the first push, and until the next one
		// if Gitea was killed then. Git itself knows better.
		return c.walk(ctx, repo, branch, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("history of %s in %s: %w", branch, repo, err)
	}
	out := make([]forge.Commit, len(v))
	for i, c := range v {
		out[i] = c.commit()
	}
	return out, nil
}

// walk reads the history commit by commit, along the first parents.
func (c *Client) walk(ctx context.Context, repo forge.Repo, branch string, limit int) ([]forge.Commit, error) {
	at, err := c.Head(ctx, repo, branch)
	if err != nil {
		return nil, err
	}
	out := []forge.Commit{at}
	for len(out) < min(limit, 50) && len(at.Parents) > 0 {
		if at, err = c.commit(ctx, repo, at.Parents[0]); err != nil {
			return nil, fmt.Errorf("history of %s in %s: %w", branch, repo, err)
		}
		out = append(out, at)
	}
	return out, nil
}

type treeEntry struct {
	Path string `json:"path"`
	Mode string `json:"mode"`
	Type string `json:"type"`
	SHA  string `json:"sha"`
	Size int64  `json:"size"`
}

// Tree implements forge.Reader.
func (c *Client) Tree(ctx context.Context, repo forge.Repo, commit string) ([]forge.Entry, error) {
	all, err := c.list(ctx, repo, commit)
	if err != nil {
		return nil, err
	}
	out := make([]forge.Entry, 0, len(all))
	for _, e := range all {
		if e.Type == "blob" {
			out = append(out, forge.Entry{Path: e.Path, Mode: e.Mode, SHA: e.SHA, Size: e.Size})
		}
	}
	slices.SortFunc(out, func(a, b forge.Entry) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// list reads the whole recursive listing of a tree, page by page.
func (c *Client) list(ctx context.Context, repo forge.Repo, commit string) ([]treeEntry, error) {
	if !isSHA(commit) {
		return nil, fmt.Errorf("commit %q of %s: %w: not a SHA", commit, repo, forge.ErrNotFound)
	}
	var all []treeEntry
	for page := 1; ; page++ {
		var v struct {
			Entries    []treeEntry `json:"tree"`
			Truncated  bool        `json:"truncated"`
			TotalCount int         `json:"total_count"`
		}
		query := url.Values{"recursive": {"true"}, "page": {strconv.Itoa(page)}}
		if _, err := c.get(ctx, repoPath(repo)+"/git/trees/"+commit, query, &v); err != nil {
			if strings.Contains(err.Error(), "sha not found") {
				err = forge.ErrNotFound // Gitea answers 400
			}
			return nil, fmt.Errorf("tree of %s in %s: %w", commit, repo, err)
		}
		all = append(all, v.Entries...)
		if !v.Truncated {
			if len(all) != v.TotalCount {
				return nil, fmt.Errorf("tree of %s in %s: %w: %d of %d entries", commit, repo, forge.ErrUnavailable, len(all), v.TotalCount)
			}
			return all, nil
		}
	}
}

// nodes is the listing as the parent of a new commit.
func (c *Client) nodes(ctx context.Context, repo forge.Repo, commit string) ([]object.Node, error) {
	all, err := c.list(ctx, repo, commit)
	if err != nil {
		return nil, err
	}
	out := make([]object.Node, len(all))
	for i, e := range all {
		out[i] = object.Node{Path: e.Path, Mode: e.Mode, SHA: e.SHA}
	}
	return out, nil
}

// File implements forge.Reader.
func (c *Client) File(ctx context.Context, repo forge.Repo, commit, path string) ([]byte, error) {
	all, err := c.list(ctx, repo, commit)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(e treeEntry) bool { return e.Path == path && e.Type == "blob" })
	if i < 0 {
		return nil, fmt.Errorf("%s at %s in %s: %w", path, commit, repo, forge.ErrNotFound)
	}
	if all[i].Size > maxFile {
		return nil, fmt.Errorf("%s at %s in %s: %d bytes are more than the %d that are read", path, commit, repo, all[i].Size, maxFile)
	}
	var v struct {
		Content  string `json:"content"`
		Encoding string `json:"encoding"`
	}
	if _, err := c.get(ctx, repoPath(repo)+"/git/blobs/"+all[i].SHA, nil, &v); err != nil {
		return nil, fmt.Errorf("%s at %s in %s: %w", path, commit, repo, err)
	}
	if v.Encoding != "base64" {
		return nil, fmt.Errorf("%s at %s in %s: gitea sent encoding %q", path, commit, repo, v.Encoding)
	}
	return base64.StdEncoding.DecodeString(v.Content)
}

// Branches implements forge.Reader.
func (c *Client) Branches(ctx context.Context, repo forge.Repo) (map[string]string, error) {
	var refs []struct {
		Ref    string `json:"ref"`
		Object struct {
			SHA string `json:"sha"`
		} `json:"object"`
	}
	_, err := c.get(ctx, repoPath(repo)+"/git/refs/heads", nil, &refs)
	if errors.Is(err, forge.ErrNotFound) { // for no branch as for no repository
		_, err = c.get(ctx, repoPath(repo), nil, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("branches of %s: %w", repo, err)
	}
	out := make(map[string]string, len(refs))
	for _, r := range refs {
		if name, ok := strings.CutPrefix(r.Ref, "refs/heads/"); ok {
			out[name] = r.Object.SHA
		}
	}
	return out, nil
}

// Repos implements forge.Reader.
func (c *Client) Repos(ctx context.Context, organization string) ([]forge.Repo, error) {
	var out []forge.Repo
	for page := 1; ; page++ {
		var v []struct {
			Name string `json:"name"`
		}
		query := url.Values{"page": {strconv.Itoa(page)}, "limit": {"50"}}
		header, err := c.get(ctx, "/orgs/"+url.PathEscape(organization)+"/repos", query, &v)
		if err != nil {
			return nil, fmt.Errorf("repositories of %s: %w", organization, err)
		}
		for _, r := range v {
			out = append(out, forge.Repo{Organization: organization, Name: r.Name})
		}
		total, err := strconv.Atoi(header.Get("X-Total-Count"))
		if err != nil {
			return nil, fmt.Errorf("repositories of %s: %w: no X-Total-Count", organization, forge.ErrUnavailable)
		}
		if len(out) >= total {
			break
		}
		if len(v) == 0 {
			return nil, fmt.Errorf("repositories of %s: %w: %d of %d listed", organization, forge.ErrUnavailable, len(out), total)
		}
	}
	slices.SortFunc(out, func(a, b forge.Repo) int { return strings.Compare(a.Name, b.Name) })
	return slices.Compact(out), nil
}

func isSHA(s string) bool {
	if len(s) != 40 {
		return false
	}
	return strings.Trim(s, "0123456789abcdef") == ""
}
