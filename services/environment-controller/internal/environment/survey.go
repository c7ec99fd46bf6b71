package environment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"catalyst.openova.io/pkg/forge"
)

// descriptionFile makes a repository an Application.
const descriptionFile = "application.yaml"

// surveyor reads Git. What a commit holds never changes, so it remembers the last commit of each Application.
type surveyor struct {
	git Git

	mu   sync.Mutex
	seen map[string]verdict // by Environment and Application
}

type verdict struct {
	commit      string
	present     bool
	declaration Declaration
}

func key(env Environment, app string) string { return env.Name + "/" + app }

// look says what Git holds of one Application. listed are the names of the organization's repositories if the caller
// knows them; otherwise they are listed when that matters.
func (s *surveyor) look(ctx context.Context, env Environment, app string, listed []string) Finding {
	repo := forge.Repo{Organization: env.Organization, Name: app}
	branches, err := s.git.Branches(ctx, repo)
	if errors.Is(err, forge.ErrNotFound) {
		return s.missing(ctx, repo, listed)
	}
	if err != nil {
		return Finding{Why: err}
	}
	head, ok := branches[env.Branch]
	if !ok {
		return Finding{Evidence: NoBranch, Why: fmt.Errorf("%s has no branch %s: what runs is left as it is; to uninstall, commit the removal on the branch", repo, env.Branch)}
	}
	v, err := s.read(ctx, env, repo, head)
	switch {
	case err != nil:
		return Finding{Head: head, Why: err}
	case v.present:
		return Finding{Evidence: Present, Head: head, Declaration: v.declaration}
	default:
		return Finding{Evidence: Absent, Head: head}
	}
}

// missing decides on a repository that is not found. A forge also says "not found" for what it may not show, and
// after it lost its data: so the organization has to list, and to list others.
func (s *surveyor) missing(ctx context.Context, repo forge.Repo, listed []string) Finding {
	if listed == nil {
		var err error
		if listed, err = s.list(ctx, repo.Organization); err != nil {
			return Finding{Why: err}
		}
	}
	switch {
	case len(listed) == 0:
		return Finding{Why: fmt.Errorf("%s is not found and %s lists no repository at all: what runs is left as it is", repo, repo.Organization)}
	case slices.Contains(listed, repo.Name):
		return Finding{Why: fmt.Errorf("%s is listed and not found", repo)}
	default:
		return Finding{Evidence: Gone}
	}
}

// list returns the names of an organization's repositories, never nil without an error.
func (s *surveyor) list(ctx context.Context, organization string) ([]string, error) {
	repos, err := s.git.Repos(ctx, organization)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(repos))
	for _, r := range repos {
		names = append(names, r.Name)
	}
	return names, nil
}

func (s *surveyor) read(ctx context.Context, env Environment, repo forge.Repo, head string) (verdict, error) {
	k := key(env, repo.Name)
	s.mu.Lock()
	last, ok := s.seen[k]
	s.mu.Unlock()
	if ok && last.commit == head {
		return last, nil
	}
	files, err := s.git.Tree(ctx, repo, head)
	if err != nil {
		return verdict{}, err
	}
	v := verdict{commit: head}
	description := find(files, descriptionFile)
	v.present = description != nil && find(files, "overlays/"+env.EnvType+"/kustomization.yaml") != nil
	switch {
	case !v.present:
	case description.Size > maxDescription:
		v.declaration.Problem = fmt.Sprintf("%s: %d bytes are more than the %d that are read", descriptionFile, description.Size, maxDescription)
	default:
		doc, err := s.git.File(ctx, repo, head, descriptionFile)
		if err != nil {
			return verdict{}, err
		}
		v.declaration = ReadDeclaration(doc)
	}
	s.mu.Lock()
	s.seen[k] = v
	s.mu.Unlock()
	return v, nil
}

// forget makes the next look read the files again.
func (s *surveyor) forget(env Environment, app string) {
	s.mu.Lock()
	delete(s.seen, key(env, app))
	s.mu.Unlock()
}

// find returns a file, but no symlink.
func find(files []forge.Entry, path string) *forge.Entry {
	i := slices.IndexFunc(files, func(e forge.Entry) bool {
		return e.Path == path && (e.Mode == "100644" || e.Mode == "100755")
	})
	if i < 0 {
		return nil
	}
	return &files[i]
}
