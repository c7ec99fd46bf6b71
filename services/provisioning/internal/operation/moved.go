package operation

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"catalyst.openova.io/pkg/forge"
)

// moved says who moved a branch, and what the newest change is.
func moved(ctx context.Context, f forge.Reader, m *forge.MovedError) error {
	detail := fmt.Sprintf("The branch %s of %s has moved since: it was at %s, and is at %s.", m.Branch, m.Repo, short(m.Expect), short(m.Actual))
	head, err := f.Head(ctx, m.Repo, m.Branch)
	if err == nil {
		subject, _, _ := strings.Cut(head.Message, "\n")
		detail = fmt.Sprintf("%s changed %s (branch %s) in the meantime: “%s”, commit %s. Nothing was written. Look at it, then try again.",
			head.Author.Name, m.Repo, m.Branch, subject, short(head.SHA))
	}
	return &Error{Code: CodeBranchMoved, Message: detail, cause: m}
}

func short(sha string) string {
	if sha == "" {
		return "no commit"
	}
	return sha[:min(len(sha), 7)]
}

// landed returns the commit of an Operation on a branch that may have moved on since, or "". Git is asked, not memory.
func landed(ctx context.Context, f forge.History, repo forge.Repo, branch, id string) (string, error) {
	commits, err := f.Log(ctx, repo, branch, 50)
	if errors.Is(err, forge.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, c := range commits {
		for line := range strings.Lines(c.Message) {
			if strings.TrimSpace(line) == marker(id) {
				return c.SHA, nil
			}
		}
	}
	return "", nil
}
