package gitea

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/forge/internal/object"
)

// CreateRepo implements forge.Writer. The repository is private, and its default branch is main.
func (c *Client) CreateRepo(ctx context.Context, repo forge.Repo, description string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// Gitea takes a new repository away again when the caller hangs up too early, and does so after it has answered the
	// next one that it exists. So the request is not tied to the caller.
	_, err := c.call(context.WithoutCancel(ctx), http.MethodPost, "/orgs/"+url.PathEscape(repo.Organization)+"/repos", nil, map[string]any{
		"name": repo.Name, "description": description, "private": true, "auto_init": false, "default_branch": "main",
	}, nil)
	if err != nil {
		return fmt.Errorf("create %s: %w", repo, err)
	}
	return nil
}

// Description implements forge.Writer.
func (c *Client) Description(ctx context.Context, repo forge.Repo) (string, error) {
	var v struct {
		Description string `json:"description"`
	}
	if _, err := c.get(ctx, repoPath(repo), nil, &v); err != nil {
		return "", fmt.Errorf("description of %s: %w", repo, err)
	}
	return v.Description, nil
}

// Push implements forge.Writer: one POST with a pack made in memory, for all refs or none.
func (c *Client) Push(ctx context.Context, repo forge.Repo, refs []forge.RefUpdate) (map[string]string, error) {
	pack, heads, err := c.build(ctx, repo, refs)
	if err != nil {
		return nil, fmt.Errorf("push to %s: %w", repo, err)
	}
	pushErr := c.receivePack(ctx, repo, refs, heads, pack)
	if pushErr == nil {
		return heads, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	// Whatever went wrong, the branches tell whether the push landed and whether somebody else was faster.
	actual, err := c.Branches(ctx, repo)
	if err != nil {
		if errors.Is(err, forge.ErrNotFound) {
			return nil, err
		}
		return nil, fmt.Errorf("push to %s: %w", repo, pushErr)
	}
	landed := true
	for _, r := range refs {
		landed = landed && actual[r.Branch] == heads[r.Branch]
	}
	if landed {
		return heads, nil
	}
	for _, r := range refs {
		if actual[r.Branch] != r.Expect {
			return nil, &forge.MovedError{Repo: repo, Branch: r.Branch, Expect: r.Expect, Actual: actual[r.Branch]}
		}
	}
	return nil, fmt.Errorf("push to %s: %w", repo, pushErr)
}

// build makes the commits of a push.
func (c *Client) build(ctx context.Context, repo forge.Repo, refs []forge.RefUpdate) (*object.Pack, map[string]string, error) {
	if len(refs) == 0 {
		return nil, nil, errors.New("no refs to move")
	}
	pack, heads := object.NewPack(), make(map[string]string, len(refs))
	commits, bases := map[*forge.Draft]string{}, map[string][]object.Node{}
	for _, r := range refs {
		if r.Draft == nil || r.Branch == "" || heads[r.Branch] != "" {
			return nil, nil, fmt.Errorf("branch %q: each ref needs a name of its own and a draft", r.Branch)
		}
		sha, ok := commits[r.Draft]
		if !ok {
			base, read := bases[r.Draft.Parent]
			if parent := r.Draft.Parent; parent != "" && !read {
				var err error
				if base, err = c.nodes(ctx, repo, parent); err != nil {
					return nil, nil, err
				}
				bases[parent] = base
			}
			var err error
			if sha, err = pack.Commit(base, *r.Draft, c.committer); err != nil {
				return nil, nil, err
			}
			commits[r.Draft] = sha
		}
		heads[r.Branch] = sha
	}
	return pack, heads, nil
}

func (c *Client) receivePack(ctx context.Context, repo forge.Repo, refs []forge.RefUpdate, heads map[string]string, pack *object.Pack) error {
	ctx, cancel := context.WithTimeout(ctx, c.push)
	defer cancel()
	body, err := encode(refs, heads, pack)
	if err != nil {
		return err
	}
	address := c.base.String() + "/" + url.PathEscape(repo.Organization) + "/" + url.PathEscape(repo.Name) + ".git/git-receive-pack"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.SetBasicAuth("token", c.token) // Gitea takes the password for the token, whatever the name
	req.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	req.Header.Set("Accept", "application/x-git-receive-pack-result")
	res, err := c.http.Do(req)
	if err != nil {
		return unreachable(ctx, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10))
		return refused(http.MethodPost, "git-receive-pack", res.StatusCode, b)
	}
	return report(ctx, io.LimitReader(res.Body, maxAnswer))
}

func encode(refs []forge.RefUpdate, heads map[string]string, pack *object.Pack) ([]byte, error) {
	req := packp.NewReferenceUpdateRequest()
	for _, k := range []capability.Capability{capability.ReportStatus, capability.Atomic, capability.Sideband64k} {
		if err := req.Capabilities.Set(k); err != nil {
			return nil, err
		}
	}
	if err := req.Capabilities.Set(capability.Agent, "catalyst"); err != nil {
		return nil, err
	}
	for _, r := range refs {
		req.Commands = append(req.Commands, &packp.Command{
			Name: plumbing.NewBranchReferenceName(r.Branch), Old: plumbing.NewHash(r.Expect), New: plumbing.NewHash(heads[r.Branch]),
		})
	}
	var b bytes.Buffer
	if err := req.Encode(&b); err != nil {
		return nil, err
	}
	if err := pack.Encode(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// report reads Git's answer: nil if every ref moved.
func report(ctx context.Context, body io.Reader) error {
	var said bytes.Buffer
	demuxer := sideband.NewDemuxer(sideband.Sideband64k, body)
	demuxer.Progress = &said
	status := packp.NewReportStatus()
	if err := status.Decode(demuxer); err != nil {
		return unreachable(ctx, fmt.Errorf("the answer to the push was cut off: %w", err))
	}
	err := status.Error()
	if err == nil {
		return nil
	}
	reason := strings.Join(strings.Fields(said.String()), " ")
	if len(reason) > 500 {
		reason = reason[:500]
	}
	switch {
	case strings.Contains(reason, "nternal") || strings.Contains(reason, "locked"):
		return fmt.Errorf("%w: %w: %s", forge.ErrUnavailable, err, reason)
	case strings.Contains(err.Error(), "hook declined"):
		return fmt.Errorf("%w: %w: %s", forge.ErrForbidden, err, reason)
	default:
		return fmt.Errorf("%w: %s", err, reason)
	}
}
