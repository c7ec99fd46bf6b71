package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
)

// Kubernetes' and Gitea's versions are read by kubectl and by Flux: both must be told to the linker.
const (
	// The last tag is that of cloud.google.com/go/storage, which without it brings in all of Envoy for buckets that nobody has here.
	stackTags    = "sqlite sqlite_unlock_notify disable_grpc_modules"
	stackLdflags = "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.4 -X k8s.io/component-base/version.gitMajor=1" +
		" -X k8s.io/component-base/version.gitMinor=36 -X main.Version=1.26.4"
	complete = "complete"
)

// Stack is one of the third-party builds. Its folder's name is a hash of all that goes in, so that a start that finds
// it complete needs neither go nor the module cache.
type Stack struct {
	Name     string
	Packages []string
	// Copies are files and folders to take from modules: module, path in it, name in the build's folder.
	Copies []Copy
}

// Copy is a file or folder of a module that a program needs when it runs.
type Copy struct{ Module, From, To string }

// Gitea and Cluster are the third-party builds.
var (
	Gitea = Stack{
		Name: "gitea", Packages: []string{"code.gitea.io/gitea"},
		Copies: []Copy{
			{"code.gitea.io/gitea", "options", "assets/options"},
			{"code.gitea.io/gitea", "templates", "assets/templates"},
			{"code.gitea.io/gitea", "public", "assets/public"},
		},
	}
	Cluster = Stack{
		Name: "cluster",
		Packages: []string{
			"./cmd/kubestack", "github.com/fluxcd/source-controller", "github.com/fluxcd/kustomize-controller", "github.com/fluxcd/helm-controller",
		},
		Copies: []Copy{
			{"github.com/fluxcd/source-controller", "config/crd/bases", "crds/source"},
			{"github.com/fluxcd/kustomize-controller", "config/crd/bases", "crds/kustomize"},
			{"github.com/fluxcd/helm-controller", "config/crd/bases", "crds/helm"},
			{"sigs.k8s.io/kwok", "kustomize/stage/node/fast/node-initialize.yaml", "stages/1-node-initialize.yaml"},
			{"sigs.k8s.io/kwok", "kustomize/stage/node/heartbeat/node-heartbeat.yaml", "stages/2-node-heartbeat.yaml"},
			{"sigs.k8s.io/kwok", "kustomize/stage/pod/fast/pod-ready.yaml", "stages/3-pod-ready.yaml"},
			{"sigs.k8s.io/kwok", "kustomize/stage/pod/fast/pod-complete.yaml", "stages/4-pod-complete.yaml"},
			{"sigs.k8s.io/kwok", "kustomize/stage/pod/fast/pod-delete.yaml", "stages/5-pod-delete.yaml"},
		},
	}
)

// Folder is where the build lies.
func (b Stack) Folder(s sovereign.Settings) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.GOOS, runtime.GOARCH, b.Name, b.Packages, b.Copies, stackTags, stackLdflags)
	dir := s.Source("deploy", "local", "stack")
	files := []string{"go.mod", "go.sum"}
	main, err := filepath.Glob(filepath.Join(dir, "cmd", "kubestack", "*.go"))
	if err != nil {
		return "", err
	}
	for _, f := range main {
		files = append(files, strings.TrimPrefix(f, dir+"/"))
	}
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			return "", fmt.Errorf("the third-party servers' sources: %w", err)
		}
		fmt.Fprintln(h, f, len(content))
		h.Write(content)
	}
	return s.Cached("stack", b.Name+"-"+hex.EncodeToString(h.Sum(nil))[:16]), nil
}

// Complete tells whether the build is there.
func (b Stack) Complete(s sovereign.Settings) bool {
	folder, err := b.Folder(s)
	if err != nil {
		return false
	}
	_, err = os.Stat(filepath.Join(folder, complete))
	return err == nil
}

// Stack builds one of the third-party builds if it is not there. Its marker is written last, so that an interrupted
// build is not taken for done.
func (t *Toolchain) Stack(ctx context.Context, s sovereign.Settings, b Stack, progress Progress) error {
	folder, err := b.Folder(s)
	if err != nil {
		return err
	}
	if b.Complete(s) {
		return used(folder)
	}
	build := b.build(s, folder)
	if err := t.Go(ctx, build, progress); err != nil {
		return err
	}
	for _, c := range b.Copies {
		dir, err := t.moduleDir(ctx, build, c.Module)
		if err != nil {
			return err
		}
		if err := copyAll(filepath.Join(dir, c.From), filepath.Join(folder, c.To)); err != nil {
			return fmt.Errorf("copy %s of %s: %w", c.From, c.Module, err)
		}
	}
	if err := joinStages(folder); err != nil {
		return err
	}
	if err := sovereign.WriteFile(filepath.Join(folder, complete), nil, 0o644); err != nil {
		return err
	}
	return forget(filepath.Dir(folder), time.Now())
}

func (b Stack) build(s sovereign.Settings, folder string) GoBuild {
	return GoBuild{
		Name: b.Name, Dir: s.Source("deploy", "local", "stack"), Out: folder,
		Packages: b.Packages, Tags: stackTags, Ldflags: stackLdflags,
	}
}

// FetchStacks downloads the modules of the third-party builds that are not there, so that their compilers need not wait
// for the network. What fails here, the build itself will say.
func (t *Toolchain) FetchStacks(ctx context.Context, s sovereign.Settings, stacks ...Stack) error {
	for _, b := range stacks {
		if b.Complete(s) {
			continue
		}
		if err := t.Fetch(ctx, b.build(s, "")); err != nil {
			return err
		}
	}
	return nil
}

// keepUnused is how long a build is kept that no start has used.
const keepUnused = 14 * 24 * time.Hour

// used notes that a build is in use.
func used(folder string) error {
	now := time.Now()
	return os.Chtimes(filepath.Join(folder, complete), now, now)
}

// forget deletes the builds in dir that have not been used for long: each is hundreds of megabytes.
func forget(dir string, now time.Time) error {
	markers, err := filepath.Glob(filepath.Join(dir, "*", complete))
	if err != nil {
		return err
	}
	for _, m := range markers {
		if info, err := os.Stat(m); err == nil && now.Sub(info.ModTime()) > keepUnused {
			if err := os.RemoveAll(filepath.Dir(m)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Toolchain) moduleDir(ctx context.Context, b GoBuild, module string) (string, error) {
	cmd := b.command(ctx, "list", "-m", "-f", "{{.Dir}}", module)
	var out strings.Builder
	cmd.Stdout = &out
	if err := t.Spawner.Run(cmd); err != nil {
		return "", fmt.Errorf("where is %s: %w", module, err)
	}
	return strings.TrimSpace(out.String()), nil
}

// joinStages makes the one file that kwok reads.
func joinStages(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "stages", "*.yaml"))
	if err != nil || len(files) == 0 {
		return err
	}
	slices.Sort(files)
	var parts []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		parts = append(parts, string(b))
	}
	return sovereign.WriteFile(filepath.Join(folder, "stages.yaml"), []byte(strings.Join(parts, "\n---\n")), 0o644)
}

// copyAll copies a file or folder; modules are read-only, copies are not.
func copyAll(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return sovereign.WriteFile(target, b, 0o644)
	})
}
