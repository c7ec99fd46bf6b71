package gitea

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	catalystv1 "catalyst.openova.io/pkg/api/v1alpha1"
	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/spine"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
	"catalyst.openova.io/services/observer/internal/observation"
)

const (
	// Source is the name of the forge as a source of observations.
	Source = "/observer/forge"
	// listEvery is the pause between two listings, which make up for lost webhooks.
	listEvery = time.Minute
	// lookers is how many repositories are looked at at a time, and looksEachSecond how many in a second.
	lookers, looksEachSecond = 4, 100
	// lookFor is how long a look may take.
	lookFor = 30 * time.Second
	// systemOrganization holds the Sovereign's own repositories.
	systemOrganization = "system"
)

// Git is what is needed of the forge.
type Git interface {
	Branches(ctx context.Context, repo forge.Repo) (map[string]string, error)
	Log(ctx context.Context, repo forge.Repo, branch string, limit int) ([]forge.Commit, error)
	Tree(ctx context.Context, repo forge.Repo, commit string) ([]forge.Entry, error)
	File(ctx context.Context, repo forge.Repo, commit, path string) ([]byte, error)
	Repos(ctx context.Context, organization string) ([]forge.Repo, error)
}

// Cluster is what the forge side needs of the clusters.
type Cluster interface {
	// Environments lists those of an Organization, or all if the name is empty.
	Environments(organization string) []observation.Environment
	// Nudge asks Flux to fetch a source now.
	Nudge(ctx context.Context, namespace, name string) error
}

// Memory keeps what was told of a branch, across restarts.
type Memory interface {
	Load(context.Context) (map[string]string, error)
	Remember(key, value string)
}

// Branches reads the branches of Application repos and tells of what they hold.
type Branches struct {
	git     Git
	url     string
	cluster Cluster
	memory  Memory
	queue   *observation.Queue
	log     *slog.Logger
	rota    *rota
	pace    *rate.Limiter
	list    chan string // Organizations to list now, "" for all

	mu     sync.Mutex
	told   map[string]fact            // by memory key
	listed map[string]map[string]bool // the repositories that an Organization listed last
	failed error                      // of the last listing
	away   error                      // of the last probe
}

// fact is what was told last of one branch.
type fact struct {
	Organization string `json:"organization"`
	Environment  string `json:"environment"`
	Application  string `json:"application"`
	Head         string `json:"head"`
	// Hash is of what was told, and Number counts what was told of this branch, so that the same fact has the same id
	// after a restart, and a branch that went back to where it was has another.
	Hash   string `json:"hash"`
	Number int    `json:"number"`

	event *spine.Event // nil if an earlier process told it
}

func (f fact) key() string { return spine.Encode(f.Environment) + "/" + spine.Encode(f.Application) }

// NewBranches makes Branches of a forge at a URL.
func NewBranches(git Git, url string, cluster Cluster, memory Memory, queue *observation.Queue, log *slog.Logger) *Branches {
	return &Branches{
		git: git, url: strings.TrimSuffix(url, "/"), cluster: cluster, memory: memory, queue: queue, log: log,
		rota: newRota(), pace: rate.NewLimiter(looksEachSecond, looksEachSecond), list: make(chan string, 1024),
		told: map[string]fact{}, listed: map[string]map[string]bool{}, failed: errors.New("the forge has not been listed yet"),
	}
}

// Pushed has a repository looked at soon, and asks Flux to do the same with what belongs to a branch.
func (b *Branches) Pushed(repo forge.Repo, branch string) {
	b.rota.ask(turn{repo: repo, urgent: true, branches: map[string]bool{branch: true}})
}

// Look has a repository looked at soon.
func (b *Branches) Look(repo forge.Repo) { b.rota.ask(turn{repo: repo, urgent: true}) }

// List has the repositories of an Organization listed soon; the empty name stands for all.
func (b *Branches) List(organization string) {
	select {
	case b.list <- organization:
	default: // the periodic listing finds it
	}
}

// Run works until ctx ends.
func (b *Branches) Run(ctx context.Context) {
	if err := b.recall(ctx); err != nil {
		return
	}
	var workers sync.WaitGroup
	defer workers.Wait()
	for range lookers {
		workers.Go(func() { b.work(ctx) })
	}
	tick := time.NewTicker(listEvery)
	defer tick.Stop()
	for organization := ""; ctx.Err() == nil; {
		err := b.listAll(ctx, organization)
		if err != nil && ctx.Err() == nil {
			b.log.Info("observer: the forge could not be listed whole; what is known stays", "error", err)
		}
		if organization == "" || err != nil {
			b.mu.Lock()
			b.failed = err
			b.mu.Unlock()
		}
		select {
		case <-ctx.Done():
		case organization = <-b.list:
		case <-tick.C:
			organization = ""
		}
	}
}

func (b *Branches) recall(ctx context.Context) error {
	known, err := b.memory.Load(ctx)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, value := range known {
		var f fact
		if err := json.Unmarshal([]byte(value), &f); err != nil {
			b.log.Error("observer: an entry of the memory cannot be read", "key", key, "error", err)
			continue
		}
		b.told[key] = f
	}
	return nil
}

func (b *Branches) work(ctx context.Context) {
	for {
		t := b.rota.next(ctx)
		if t == nil {
			return
		}
		err := b.pace.Wait(ctx)
		if err == nil {
			err = b.look(ctx, t)
		}
		if err != nil && ctx.Err() == nil {
			b.log.Info("observer: a repository could not be read; the listing tries again", "repo", t.repo.String(), "error", err)
		}
		b.rota.finish(t, err)
	}
}

// listAll looks at every repository of an Organization, or of each that has an Environment if the name is empty. An error
// says that the forge cannot be read; that a few repositories cannot is said in the log.
func (b *Branches) listAll(ctx context.Context, organization string) error {
	organizations := map[string]bool{}
	for _, e := range b.cluster.Environments(organization) {
		organizations[e.Organization] = true
	}
	var errs []error
	var looked sync.WaitGroup
	var mu sync.Mutex
	var last error
	looks, failed := 0, 0
	for name := range organizations {
		repos, err := b.repos(ctx, name)
		if errors.Is(err, forge.ErrNotFound) {
			continue // the environment-controller has not made it yet
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for repo := range repos {
			looks++
			looked.Add(1)
			b.rota.ask(turn{repo: forge.Repo{Organization: name, Name: repo}, done: []func(error){func(err error) {
				defer looked.Done()
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					failed++
					last = err
				}
			}}})
		}
	}
	done := make(chan struct{})
	go func() {
		looked.Wait()
		close(done)
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-done:
	}
	if failed > looks/2 {
		errs = append(errs, fmt.Errorf("%d of %d repositories could not be read; the last of them: %w", failed, looks, last))
	}
	return errors.Join(errs...)
}

// repos are the names of the repositories that an Organization lists, and of those that were told of.
func (b *Branches) repos(ctx context.Context, organization string) (map[string]bool, error) {
	repos, err := b.git.Repos(ctx, organization)
	if err != nil {
		return nil, err
	}
	all, listed := map[string]bool{}, map[string]bool{}
	for _, r := range repos {
		all[r.Name], listed[r.Name] = true, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listed[organization] = listed
	for _, f := range b.told {
		if f.Organization == organization && f.Head != "" {
			all[f.Application] = true
		}
	}
	return all, nil
}

// look reads one repository and asks Flux to do the same.
func (b *Branches) look(ctx context.Context, t *turn) error {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	if t.repo.Organization == systemOrganization {
		b.nudge(ctx, catalystv1.SystemNamespace, t.repo.Name)
		return nil
	}
	environments := b.cluster.Environments(t.repo.Organization)
	if len(environments) == 0 {
		return nil
	}
	var nudging sync.WaitGroup
	defer nudging.Wait()
	for _, e := range environments {
		if t.branches[e.Branch] {
			nudging.Go(func() { b.nudge(ctx, e.Name, t.repo.Name) })
		}
	}
	at := time.Now()
	heads, err := b.git.Branches(ctx, t.repo)
	if errors.Is(err, forge.ErrNotFound) {
		heads, err = nil, b.missing(ctx, t.repo)
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range environments {
		errs = append(errs, b.read(ctx, t, e, heads[e.Branch], at))
	}
	return errors.Join(errs...)
}

func (b *Branches) nudge(ctx context.Context, namespace, name string) {
	if err := b.cluster.Nudge(ctx, namespace, name); err != nil && ctx.Err() == nil {
		b.log.Info("observer: Flux could not be asked to look; it does so by itself later", "namespace", namespace, "source", name, "error", err)
	}
}

// missing returns nil if a repository that is not found is gone. A forge also says "not found" for what it may not show,
// and after it lost its data: so its Organization has to list others.
func (b *Branches) missing(ctx context.Context, repo forge.Repo) error {
	repos, err := b.git.Repos(ctx, repo.Organization)
	switch {
	case err != nil:
		return fmt.Errorf("%s is not found: %w", repo, err)
	case len(repos) == 0:
		return fmt.Errorf("%s is not found and %s lists no repository at all: what is known stays", repo, repo.Organization)
	case slices.Contains(repos, repo):
		return fmt.Errorf("%s is listed and not found: %w", repo, forge.ErrUnavailable)
	}
	return nil
}

// read looks at one branch and tells of it when it differs from what was told.
func (b *Branches) read(ctx context.Context, t *turn, e observation.Environment, head string, at time.Time) error {
	f := fact{Organization: e.Organization, Environment: e.Name, Application: t.repo.Name}
	b.mu.Lock()
	before, known := b.told[f.key()]
	b.mu.Unlock()
	if known && before.Head == head && !t.again || !known && head == "" {
		return nil // a commit does not change
	}
	o := &spinev1.BranchObserved{
		Organization: e.Organization, Environment: e.Name, Application: t.repo.Name, Branch: e.Branch, CloneUrl: b.url + "/" + t.repo.String() + ".git",
	}
	if head != "" {
		if err := describe(ctx, b.git, t.repo, e.EnvType, o); err != nil {
			return err
		}
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(o)
	if err != nil {
		return fmt.Errorf("branch %s of %s: %w", e.Branch, t.repo, err)
	}
	hash := sha256.Sum256(data)
	f.Head, f.Hash, f.Number = o.GetHead().GetSha(), hex.EncodeToString(hash[:12]), before.Number
	if f.Hash != before.Hash {
		f.Number++
	}
	o.ObservedAt = timestamppb.New(at)
	f.event = &spine.Event{
		ID:     fmt.Sprintf("git/%s/%d/%s", f.key(), f.Number, f.Hash),
		Source: Source, Subject: spine.Branch(e.Name, t.repo.Name), Time: at, Data: o,
	}
	b.tell(f)
	return nil
}

// tell puts a fact on its way. It is remembered when it has arrived, and not before.
func (b *Branches) tell(f fact) {
	b.mu.Lock()
	b.told[f.key()] = f
	b.mu.Unlock()
	kept, err := json.Marshal(f)
	if err != nil {
		b.log.Error("observer: a branch cannot be remembered", "error", err)
	}
	b.queue.PutThen(f.Environment, *f.event, func() { b.memory.Remember(f.key(), string(kept)) })
}

// Name implements observation.Source.
func (b *Branches) Name() string { return Source }

// Heard implements observation.Source: the forge answers, and everything was listed since it began to.
func (b *Branches) Heard(ctx context.Context) error {
	_, err := b.git.Repos(ctx, systemOrganization)
	if errors.Is(err, forge.ErrNotFound) {
		err = nil // it has answered
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	back := b.away != nil && err == nil
	b.away = err
	switch {
	case err != nil:
		return fmt.Errorf("the forge does not answer: %w", err)
	case back:
		// Webhooks are lost: before it is called heard it is listed.
		b.failed = errors.New("the forge is back and has not been listed yet")
		b.List("")
	}
	return b.failed
}

// Environments implements observation.Source.
func (b *Branches) Environments() []string {
	var out []string
	for _, e := range b.cluster.Environments("") {
		out = append(out, e.Name)
	}
	return out
}

// Changed implements observation.Source.
func (b *Branches) Changed(error) {}

// Tell implements observation.Source. What an earlier process told is read from Git once more.
func (b *Branches) Tell(organization string) {
	b.mu.Lock()
	var facts []fact
	for _, f := range b.told {
		if f.Organization == organization {
			facts = append(facts, f)
		}
	}
	b.mu.Unlock()
	for _, f := range facts {
		if f.event != nil {
			b.queue.Put(f.Environment, *f.event)
		} else {
			b.rota.ask(turn{repo: forge.Repo{Organization: f.Organization, Name: f.Application}, again: true})
		}
	}
}

// Settle waits until every look that was asked for before is done.
func (b *Branches) Settle(ctx context.Context) error { return b.rota.settle(ctx) }
