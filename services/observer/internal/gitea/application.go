package gitea

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"
	"sigs.k8s.io/yaml"

	"catalyst.openova.io/pkg/forge"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

const (
	applicationFile = "application.yaml"
	// maxApplication is the size in bytes of the largest application.yaml that is read.
	maxApplication = 64 << 10
	// maxDependencies is how many dependencies are told.
	maxDependencies = 100
	// recentCommits is how many commits of a branch are told.
	recentCommits = 10
	// maxMessage is the length in bytes to which the message of a commit is cut, and maxName that of a name.
	maxMessage, maxName = 1024, 256
)

// describe adds what Git says of a branch: its last commits, and what the newest says of the Application.
func describe(ctx context.Context, git Git, repo forge.Repo, envType string, o *spinev1.BranchObserved) error {
	commits, err := git.Log(ctx, repo, o.GetBranch(), recentCommits)
	if err != nil {
		return err
	}
	if len(commits) == 0 {
		return fmt.Errorf("branch %s of %s: %w: it has a head and no history", o.GetBranch(), repo, forge.ErrUnavailable)
	}
	for _, c := range commits[:min(len(commits), recentCommits)] {
		o.Recent = append(o.Recent, commitOf(c))
	}
	// It may have moved since its head was read: what the history begins with is the newest.
	o.Head = o.GetRecent()[0]
	head := o.GetHead().GetSha()
	files, err := git.Tree(ctx, repo, head)
	if err != nil {
		return err
	}
	description, overlay := find(files, applicationFile), find(files, "overlays/"+envType+"/kustomization.yaml")
	if description == nil || overlay == nil {
		return nil
	}
	o.Present = true
	if description.Size > maxApplication {
		o.Problem = fmt.Sprintf("%s: %d bytes are more than the %d that are read", applicationFile, description.Size, maxApplication)
		return nil
	}
	doc, err := git.File(ctx, repo, head, applicationFile)
	if err != nil {
		return err
	}
	if err := parse(doc, o); err != nil {
		o.Problem = clip(applicationFile+": "+err.Error(), maxMessage)
	}
	return nil
}

// parse reads an application.yaml.
func parse(doc []byte, o *spinev1.BranchObserved) error {
	var app struct {
		Spec struct {
			Blueprint    struct{ Name, Version string }
			Dependencies []struct{ Alias, Application string }
		}
	}
	if err := yaml.Unmarshal(doc, &app); err != nil {
		return err
	}
	o.Blueprint, o.BlueprintVersion = clip(app.Spec.Blueprint.Name, maxName), clip(app.Spec.Blueprint.Version, maxName)
	for _, d := range app.Spec.Dependencies[:min(len(app.Spec.Dependencies), maxDependencies)] {
		if d.Application == "" {
			return errors.New("spec.dependencies: one of them names no application")
		}
		o.Dependencies = append(o.Dependencies, &spinev1.Dependency{Alias: clip(d.Alias, maxName), Application: clip(d.Application, maxName)})
	}
	return nil
}

// find returns a file, but no symlink.
func find(files []forge.Entry, path string) *forge.Entry {
	for i := range files {
		if e := &files[i]; e.Path == path && (e.Mode == "100644" || e.Mode == "100755") {
			return e
		}
	}
	return nil
}

func commitOf(c forge.Commit) *spinev1.Commit {
	return &spinev1.Commit{
		Sha: c.SHA, AuthorName: clip(c.Author.Name, maxName), AuthorEmail: clip(c.Author.Email, maxName), Message: clip(c.Message, maxMessage),
		CommittedAt: timestamppb.New(c.At),
	}
}

// clip cuts what others wrote, and makes it valid UTF-8.
func clip(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit-len("…")] + "…"
	}
	return strings.ToValidUTF8(s, "")
}
