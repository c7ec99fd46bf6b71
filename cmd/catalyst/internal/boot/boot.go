// Package boot brings a Sovereign up: what is built, started and prepared, and in which order. Each task may be
// repeated, so a restart does the same as a first start and finds most of it done.
package boot

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/process"
	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
	"catalyst.openova.io/cmd/catalyst/internal/step"
	"catalyst.openova.io/cmd/catalyst/internal/toolchain"
)

// Bootstrap holds what the tasks share.
type Bootstrap struct {
	Settings   sovereign.Settings
	Secrets    *sovereign.Secrets
	Board      *step.Board
	Supervisor *process.Supervisor
	Spawner    *process.Spawner
	// Self is the file of this program: it also publishes Blueprints.
	Self string

	bin   sovereign.Binaries
	tools toolchain.Toolchain
	// fresh tells that this start brought the demo Organization in.
	fresh bool
}

// patience is how long a server may take to be ready, on a machine that also compiles.
const patience = 4 * time.Minute

// Prepare makes keys and the folders' names, and puts every component on the board.
func (b *Bootstrap) Prepare() error {
	s := b.Settings
	b.tools = toolchain.Toolchain{Spawner: b.Spawner, Log: s.Log}
	b.bin.Own = s.OwnBinaries()
	for stack, folder := range map[*toolchain.Stack]*string{&toolchain.Gitea: &b.bin.Gitea, &toolchain.Cluster: &b.bin.Cluster} {
		f, err := stack.Folder(s)
		if err != nil {
			return err
		}
		*folder = f
	}
	if err := sovereign.Keys(s); err != nil {
		return err
	}
	if err := sovereign.WriteKubeconfigs(s, b.Secrets); err != nil {
		return err
	}
	if err := os.MkdirAll(s.ArtifactsDir(), 0o755); err != nil {
		return err
	}
	if err := sovereign.RemoveFormerSpine(s); err != nil {
		return err
	}
	files, err := sovereign.NATSFiles(s, b.Secrets)
	if err != nil {
		return err
	}
	files[s.RegistryConfigFile()] = sovereign.RegistryConfig(s, b.Secrets.WebhookSecret)
	for path, content := range files {
		if err := sovereign.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	b.declare()
	return nil
}

// declare tells the supervisor what is known by now.
func (b *Bootstrap) declare() {
	for _, c := range sovereign.Components(b.Settings, b.Secrets, b.bin) {
		b.Supervisor.Declare(c)
	}
}

// Tasks lists what there is to do. What is built already waits for no other build.
func (b *Bootstrap) Tasks() []step.Task {
	servicesAfter, giteaAfter, clusterAfter := []string{"console"}, []string{"build-services"}, []string{"build-gitea"}
	if toolchain.Gitea.Complete(b.Settings) {
		giteaAfter = []string{"check"}
	}
	if toolchain.Cluster.Complete(b.Settings) {
		clusterAfter = []string{"check"}
	}
	if toolchain.Gitea.Complete(b.Settings) && toolchain.Cluster.Complete(b.Settings) {
		servicesAfter = []string{"build-front"}
	}
	return []step.Task{
		{ID: "check", Title: "Check ports, disk and tools", Run: b.check},
		{ID: "build-front", Title: "Build the gateway, the issuer and the event spine", After: []string{"check"}, Run: b.buildFront},
		{ID: "build-console", Title: "Build the console", After: []string{"check"}, Run: b.buildConsole},
		{ID: "console", Title: "Open the console", After: []string{"build-front", "build-console"}, Run: b.openConsole},
		{ID: "fetch", Title: "Download the sources of the servers", After: []string{"console"}, Run: b.fetch},
		{ID: "build-services", Title: "Build Catalyst's services and the registry", After: servicesAfter, Run: b.buildServices},
		{ID: "build-gitea", Title: "Build Gitea", After: giteaAfter, Run: b.stack(toolchain.Gitea)},
		{ID: "gitea", Title: "Start Gitea and prepare its accounts", After: []string{"build-gitea"}, Run: b.startGitea},
		{ID: "build-cluster", Title: b.clusterBuildTitle(), After: clusterAfter, Run: b.stack(toolchain.Cluster)},
		{ID: "cluster", Title: b.clusterTitle(), After: []string{"build-cluster"}, Run: b.startCluster},
		{ID: "flux", Title: "Start Flux", After: []string{"cluster"}, Run: b.startFlux},
		{ID: "services", Title: "Start Catalyst's services", After: []string{"build-services", "gitea", "cluster"}, Run: b.startServices},
		{ID: "blueprints", Title: "Publish the signed Blueprints", After: []string{"build-services"}, Run: b.publishBlueprints},
		{ID: "config", Title: "Bring in the demo Organization by Git", After: []string{"gitea", "flux"}, Run: b.seedConfig},
		{ID: "organization", Title: "Make the Organization and its Environments real", After: []string{"config", "services"}, Run: b.awaitOrganization},
		{ID: "ready", Title: "Everything is ready", After: []string{"console", "organization", "blueprints"}, Run: b.awaitAll},
	}
}

func (b *Bootstrap) clusterBuildTitle() string {
	return "Build the cluster: etcd, Kubernetes, kwok and Flux"
}

func (b *Bootstrap) clusterTitle() string {
	if b.Settings.Simulated() {
		return "Start the cluster with a simulated node"
	}
	return "Prepare the existing cluster"
}

func (b *Bootstrap) stack(s toolchain.Stack) func(context.Context, *step.Report) error {
	return func(ctx context.Context, r *step.Report) error {
		if s.Complete(b.Settings) {
			r.Detail("built before")
		}
		return b.tools.Stack(ctx, b.Settings, s, r.Progress)
	}
}

// fetch downloads, while Catalyst's own services are compiled, what the builds after them need.
func (b *Bootstrap) fetch(ctx context.Context, r *step.Report) error {
	if err := b.tools.FetchStacks(ctx, b.Settings, toolchain.Gitea, toolchain.Cluster); err != nil {
		r.Detail("not complete; the builds try again")
	}
	return nil
}

func (b *Bootstrap) build(ctx context.Context, r *step.Report, name string, from, to float64, packages ...string) error {
	return b.tools.Go(ctx, toolchain.GoBuild{
		Name: name, Dir: b.Settings.Repo, Workspace: true, Out: b.bin.Own, Packages: packages, Ldflags: "-s -w",
	}, scale(r.Progress, from, to))
}

func scale(p toolchain.Progress, from, to float64) toolchain.Progress {
	return func(done float64, detail string) { p(from+done*(to-from), detail) }
}

// buildFront builds what the console needs. nats-server comes from the workspace, where our tests embed the same one: in
// one command with the gateway, because its own package takes one core for half a minute.
func (b *Bootstrap) buildFront(ctx context.Context, r *step.Report) error {
	if err := b.build(ctx, r, "front", 0, 1, "./services/gateway", "./deploy/local/issuer", "github.com/nats-io/nats-server/v2"); err != nil {
		return err
	}
	b.Supervisor.Start("nats", "intents", "issuer")
	return nil
}

func (b *Bootstrap) buildConsole(ctx context.Context, r *step.Report) error {
	folder, err := b.tools.Console(ctx, b.Settings, r.Progress)
	b.bin.Console = folder
	return err
}

func (b *Bootstrap) openConsole(ctx context.Context, r *step.Report) error {
	b.declare()
	b.Supervisor.Start("gateway")
	r.Detail("%s", b.Settings.ConsoleURL())
	if err := b.awaitURL(ctx, b.Settings.ConsoleURL()+"/", "gateway"); err != nil {
		return err
	}
	b.Board.ConsoleReachable()
	return nil
}

func (b *Bootstrap) awaitURL(ctx context.Context, url, component string) error {
	client := &http.Client{Timeout: 2 * time.Second}
	return eventually(ctx, patience, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return step.WithHint(err, "its output is in %s", b.Settings.Log(component))
		}
		defer resp.Body.Close() //nolint:errcheck // only the status counts
		if resp.StatusCode != http.StatusOK {
			return step.WithHint(fmt.Errorf("%s answers %d", url, resp.StatusCode), "its output is in %s", b.Settings.Log(component))
		}
		return nil
	})
}

func (b *Bootstrap) buildServices(ctx context.Context, r *step.Report) error {
	var packages []string
	for _, n := range sovereign.ServiceNames {
		packages = append(packages, "./services/"+n)
	}
	if err := b.build(ctx, r, "services", 0, 0.6, packages...); err != nil {
		return err
	}
	b.Supervisor.Start("projector")
	if b.Secrets.GiteaToken[controller] != "" {
		b.Supervisor.Start("provisioning", "observer", "environment-controller")
	}
	if err := b.tools.Go(ctx, toolchain.GoBuild{
		Name: "registry", Dir: b.Settings.Source("deploy", "local", "light"), Out: b.bin.Own, Packages: []string{"./cmd/registry"}, Ldflags: "-s -w",
	}, scale(r.Progress, 0.6, 0.7)); err != nil {
		return err
	}
	b.Supervisor.Start("registry")
	// What provisioning starts to show a plan. It links Helm, so it comes last.
	return b.build(ctx, r, "renderer", 0.7, 1, "./services/provisioning/renderer")
}

func (b *Bootstrap) startServices(ctx context.Context, r *step.Report) error {
	b.declare()
	b.Supervisor.Start("provisioning", "observer", "environment-controller")
	return nil
}

func (b *Bootstrap) startFlux(ctx context.Context, r *step.Report) error {
	b.Supervisor.Start(sovereign.FluxNames...)
	return b.wait(ctx, sovereign.FluxNames...)
}

func (b *Bootstrap) wait(ctx context.Context, names ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return b.Supervisor.Wait(ctx, names...)
}

func (b *Bootstrap) publishBlueprints(ctx context.Context, r *step.Report) error {
	if err := b.wait(ctx, "registry"); err != nil {
		return err
	}
	folders, err := filepath.Glob(b.Settings.Source("blueprints", "bp-*"))
	if err != nil {
		return err
	}
	args := append([]string{"blueprint", "push", "--registry", b.Settings.RegistryURL(), "--key", b.Settings.SigningKey(), "--replace"}, folders...)
	r.Detail("%d Blueprints", len(folders))
	if err := b.tools.Tool(ctx, "blueprints", b.Self, args...); err != nil {
		return err
	}
	// Not before: that it is ready then means that it has read these.
	b.Supervisor.Start("catalog")
	return nil
}

func (b *Bootstrap) awaitAll(ctx context.Context, r *step.Report) error {
	var names []string
	for _, c := range sovereign.Components(b.Settings, b.Secrets, b.bin) {
		names = append(names, c.Name)
	}
	if err := b.wait(ctx, names...); err != nil {
		return err
	}
	b.Board.Ready()
	return nil
}

// eventually repeats f until it succeeds or the time is over, and returns its last error.
func eventually(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pause := 50 * time.Millisecond
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
		pause = min(pause*3/2, 500*time.Millisecond)
	}
}
