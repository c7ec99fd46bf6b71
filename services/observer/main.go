// Command observer turns what clusters, Flux and the Git forge say into events on the spine.
package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	forgegitea "catalyst.openova.io/pkg/forge/gitea"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/services/observer/internal/gitea"
	"catalyst.openova.io/services/observer/internal/jetstream"
	"catalyst.openova.io/services/observer/internal/kubernetes"
	"catalyst.openova.io/services/observer/internal/observation"
)

func main() { server.Main("observer", run) }

func run(ctx context.Context, _ []string, getenv func(string) string, _ io.Writer) error {
	cfg, err := load(getenv)
	if err != nil {
		return err
	}
	git, err := forgegitea.New(forgegitea.Config{URL: cfg.giteaURL, Token: cfg.giteaToken})
	if err != nil {
		return err
	}
	log := slog.Default()
	accounts, err := spine.Open(cfg.spine, log)
	if err != nil {
		return err
	}
	defer accounts.Close()
	o := newObserver(cfg, accounts, git, log)
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, task := range o.tasks {
		running.Go(func() { task(ctx) })
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/gitea", gitea.NewHook(cfg.webhookSecret, o.branches))
	return server.Serve(ctx, cfg.listen, mux, o.checks...)
}

// observer is what runs.
type observer struct {
	queue    *observation.Queue
	branches *gitea.Branches
	pulses   []*observation.Pulse
	forge    *observation.Pulse
	tasks    []func(context.Context)
	checks   []server.Check
}

func newObserver(cfg config, accounts *spine.Accounts, git gitea.Git, log *slog.Logger) *observer {
	own := accounts.Sovereign()
	o := &observer{queue: observation.NewQueue(jetstream.NewAccounts(accounts), log)}
	var clusters kubernetes.Clusters
	var memories []*jetstream.Memory
	for _, c := range cfg.clusters {
		memory := jetstream.NewMemory(own, c.name, log)
		memories = append(memories, memory)
		w := kubernetes.New(c.name, c.kubeconfig, o.queue, memory, log)
		w.OnEnvironment(func(e observation.Environment) { o.branches.List(e.Organization) })
		clusters = append(clusters, w)
		o.source("cluster "+c.name, w, log, memory.Run, w.Run)
	}
	memory := jetstream.NewMemory(own, "forge", log)
	o.branches = gitea.NewBranches(git, cfg.giteaURL, clusters, memory, o.queue, log)
	o.forge = o.source("forge", o.branches, log, memory.Run, o.branches.Run)

	// What is told of a cluster is remembered first, so that its end can be told whatever happens in between.
	o.queue.Before = func(ctx context.Context) {
		for _, m := range memories {
			m.Settle(ctx)
		}
	}
	o.queue.Lost = o.tell
	o.tasks = append(o.tasks, o.queue.Run, func(ctx context.Context) {
		if err := own.AnswerTell(ctx, spine.TellObserver, o.tellAll); err != nil && ctx.Err() == nil {
			log.Error("observer: nobody can ask to be told again", "error", err)
		}
	})
	o.checks = append(o.checks, server.Check{Name: "spine", Ready: own.Ready}, server.Check{Name: "accounts", Ready: o.queue.Ready})
	return o
}

// source adds a source with what runs for it.
func (o *observer) source(name string, s observation.Source, log *slog.Logger, tasks ...func(context.Context)) *observation.Pulse {
	pulse := observation.NewPulse(s, o.queue, log)
	o.pulses = append(o.pulses, pulse)
	o.tasks = append(append(o.tasks, tasks...), pulse.Run)
	o.checks = append(o.checks, server.Check{Name: name, Ready: pulse.Ready})
	return pulse
}

// tell tells everything of an Organization again.
func (o *observer) tell(organization string) {
	for _, p := range o.pulses {
		p.Tell(organization)
	}
}

// tellAll tells everything again, and returns when it has been published, or why not all of it could be told. That a
// source is quiet is told like everything else.
func (o *observer) tellAll(ctx context.Context) error {
	for _, organization := range o.queue.Organizations() {
		o.queue.AnewAfter(organization, time.Minute) // whoever asks again and again does not fill the stream
		o.tell(organization)
	}
	for _, p := range o.pulses {
		if !p.Known() {
			return errors.New("not every source has been listed yet: ask again later")
		}
	}
	settled := o.branches.Settle(ctx)
	if o.forge.Ready(ctx) != nil {
		settled = nil
	}
	return errors.Join(settled, o.queue.Flush(ctx))
}
