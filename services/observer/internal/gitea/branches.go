package gitea

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"sigs.k8s.io/yaml"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/observer/internal/kubernetes"
	"catalyst.openova.io/services/observer/internal/observation"
)

// listEvery is the pause between two listings, which make up for lost webhooks.
const listEvery = time.Minute

// Cluster is what the forge side needs of the cluster side.
type Cluster interface {
	Environments(organization string) []kubernetes.Environment
	Nudge(ctx context.Context, namespace, name string) error
}

// Branches reads the branches of Application repos and tells of what they hold.
type Branches struct {
	reader  forge.Reader
	url     string
	cluster Cluster
	queue   *observation.Queue
	log     *slog.Logger

	work chan look
	list chan string // Organizations to list now

	mu     sync.Mutex
	told   map[string]string // by Environment and Application: what was told last
	failed error
}

type look struct {
	repo   forge.Repo
	branch string // "" stands for the branch of every Environment
	nudge  bool
}

// NewBranches makes Branches of a forge at a URL.
func NewBranches(reader forge.Reader, url string, cluster Cluster, queue *observation.Queue, log *slog.Logger) *Branches {
	return &Branches{
		reader: reader, url: strings.TrimSuffix(url, "/"), cluster: cluster, queue: queue, log: log,
		work: make(chan look, 1024), list: make(chan string, 256), told: map[string]string{}, failed: errors.New("the forge has not been read yet"),
	}
}

// Ready tells whether the last listing succeeded.
func (b *Branches) Ready(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

// Look reads one repo soon, and asks Flux to do the same at once. When too much is waiting, the listing will find it.
func (b *Branches) Look(repo forge.Repo, branch string) {
	select {
	case b.work <- look{repo, branch, true}:
	default:
		b.log.Info("observer: too many webhooks at once; the listing will find what they are about", "repo", repo.String())
	}
}

// List reads all repos of an Environment's Organization soon.
func (b *Branches) List(e kubernetes.Environment) {
	select {
	case b.list <- e.Organization:
	default:
	}
}

// Run works until ctx ends.
func (b *Branches) Run(ctx context.Context) {
	for range 4 {
		go b.worker(ctx)
	}
	tick := time.NewTicker(listEvery)
	defer tick.Stop()
	b.listAll(ctx, "")
	for {
		select {
		case <-ctx.Done():
			return
		case organization := <-b.list:
			b.listAll(ctx, organization)
		case <-tick.C:
			b.listAll(ctx, "")
		}
	}
}

func (b *Branches) worker(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-b.work:
			if err := b.handle(ctx, l); err != nil && ctx.Err() == nil {
				b.log.Error("observer: a repo could not be read; the listing tries again", "repo", l.repo.String(), "error", err)
			}
		}
	}
}

func (b *Branches) handle(ctx context.Context, l look) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if l.repo.Organization == "system" {
		return b.cluster.Nudge(ctx, catalystv1.SystemNamespace, l.repo.Name)
	}
	var errs []error
	for _, e := range b.cluster.Environments(l.repo.Organization) {
		if l.branch != "" && l.branch != e.Branch {
			continue
		}
		nudged := make(chan error, 1)
		go func() {
			if l.nudge {
				nudged <- b.cluster.Nudge(ctx, e.Name, l.repo.Name)
			} else {
				nudged <- nil
			}
		}()
		errs = append(errs, b.read(ctx, l.repo, e), <-nudged)
	}
	return errors.Join(errs...)
}

// listAll reads every repo of one Organization, or of all. A listing that fails says nothing of what is there.
func (b *Branches) listAll(ctx context.Context, organization string) {
	organizations := map[string]bool{}
	for _, e := range b.cluster.Environments(organization) {
		organizations[e.Organization] = true
	}
	var errs []error
	for org := range organizations {
		repos, err := b.reader.Repos(ctx, org)
		if errors.Is(err, forge.ErrNotFound) {
			continue // the environment-controller has not made it yet
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, r := range repos {
			errs = append(errs, b.handle(ctx, look{repo: r}))
		}
	}
	err := errors.Join(errs...)
	if err != nil && ctx.Err() == nil {
		b.log.Info("observer: the forge could not be listed whole; what is known stays", "error", err)
	}
	b.mu.Lock()
	b.failed = err
	b.mu.Unlock()
}

// read looks at one branch and tells of it when it differs from what was told.
func (b *Branches) read(ctx context.Context, repo forge.Repo, e kubernetes.Environment) error {
	o := &spinev1.BranchObserved{
		Organization: e.Organization, Environment: e.Name, Application: repo.Name, Branch: e.Branch,
		CloneUrl: b.url + "/" + repo.String() + ".git", ObservedAt: timestamppb.Now(),
	}
	head, err := b.reader.Head(ctx, repo, e.Branch)
	switch {
	case errors.Is(err, forge.ErrNotFound):
	case err != nil:
		return err
	default:
		o.Head = &spinev1.Commit{
			Sha: head.SHA, AuthorName: head.Author.Name, AuthorEmail: head.Author.Email, Message: head.Message, CommittedAt: timestamppb.New(head.At),
		}
		if err := b.describe(ctx, repo, e, o); err != nil {
			return err
		}
	}
	key := e.Name + "/" + repo.Name
	what := fmt.Sprintf("%s %t %s %s", o.GetHead().GetSha(), o.GetPresent(), o.GetBlueprintVersion(), o.GetProblem())
	b.mu.Lock()
	known := b.told[key] == what
	b.told[key] = what
	b.mu.Unlock()
	if known {
		return nil
	}
	b.queue.Put(spine.Event{
		ID:     fmt.Sprintf("git/%s/%s/%d", key, o.GetHead().GetSha(), o.GetObservedAt().AsTime().UnixNano()),
		Source: "/observer/forge", Subject: spine.Branch(e.Name, repo.Name), Time: o.GetObservedAt().AsTime(), Data: o,
	})
	return nil
}

// describe reads what the commit says of the Application.
func (b *Branches) describe(ctx context.Context, repo forge.Repo, e kubernetes.Environment, o *spinev1.BranchObserved) error {
	doc, err := b.reader.File(ctx, repo, o.GetHead().GetSha(), "application.yaml")
	if errors.Is(err, forge.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = b.reader.File(ctx, repo, o.GetHead().GetSha(), "overlays/"+e.EnvType+"/kustomization.yaml")
	if errors.Is(err, forge.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	o.Present = true
	var app struct {
		Spec struct {
			Blueprint struct{ Name, Version string }
		}
	}
	if err := yaml.Unmarshal(doc, &app); err != nil {
		o.Problem = "application.yaml: " + err.Error()
		return nil //nolint:nilerr // it is an observation like any other, and told as one
	}
	o.Blueprint, o.BlueprintVersion = app.Spec.Blueprint.Name, app.Spec.Blueprint.Version
	return nil
}
