package operation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"catalyst.openova.io/pkg/forge"
)

// maxMoved bounds how many files are named that somebody else changed.
const maxMoved = 50

// moved says who moved a branch, and what the newest change is.
func moved(ctx context.Context, f forge.Reader, m *forge.MovedError) error {
	e := &Error{Code: CodeBranchMoved, cause: m, Moved: &Moved{Repo: m.Repo, Branch: m.Branch, Commit: m.Actual},
		Hint:    "Look at what changed, then plan again on top of it.",
		Message: fmt.Sprintf("The branch %s of %s has moved since: it was at %s, and is at %s. Nothing was written to it. Plan again.", m.Branch, m.Repo, short(m.Expect), short(m.Actual))}
	head, err := f.Head(ctx, m.Repo, m.Branch)
	if err != nil {
		return e
	}
	subject, _, _ := strings.Cut(head.Message, "\n")
	e.Moved.By, e.Moved.Commit, e.Moved.Message = head.Author.Name, head.SHA, subject
	e.Moved.Files = differing(ctx, f, m.Repo, m.Expect, head.SHA)
	e.Message = fmt.Sprintf("%s changed %s (branch %s) in the meantime: “%s”, commit %s. Nothing was written to it. Look at it, then plan again.",
		head.Author.Name, m.Repo, m.Branch, subject, short(head.SHA))
	return e
}

// differing are the files in which two commits differ; none if that cannot be told.
func differing(ctx context.Context, f forge.Reader, repo forge.Repo, from, to string) []string {
	files := map[string]string{}
	if from != "" {
		before, err := f.Tree(ctx, repo, from)
		if err != nil {
			return nil
		}
		for _, e := range before {
			files[e.Path] = e.SHA
		}
	}
	after, err := f.Tree(ctx, repo, to)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range after {
		if files[e.Path] != e.SHA {
			out = append(out, e.Path)
		}
		delete(files, e.Path)
	}
	for path := range files {
		out = append(out, path)
	}
	slices.Sort(out)
	return out[:min(len(out), maxMoved)]
}

func short(sha string) string {
	if sha == "" {
		return "no commit"
	}
	return sha[:min(len(sha), 7)]
}

// landed returns the commit with a trailer on a branch that may have moved on since, or "". Git is asked, not memory.
func landed(ctx context.Context, f forge.History, repo forge.Repo, branch, trailer string) (string, error) {
	commits, err := f.Log(ctx, repo, branch, 50)
	if errors.Is(err, forge.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, c := range commits {
		for line := range strings.Lines(c.Message) {
			if strings.TrimSpace(line) == trailer {
				return c.SHA, nil
			}
		}
	}
	return "", nil
}
