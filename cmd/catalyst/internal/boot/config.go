package boot

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/process"
	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
	"catalyst.openova.io/cmd/catalyst/internal/step"
)

// seedConfig brings the demo Organization in as a commit, if nothing is there yet, and tells Flux to follow the repo.
func (b *Bootstrap) seedConfig(ctx context.Context, r *step.Report) error {
	repo, err := b.forge().EnsureRepository(ctx, systemOrg, configRepo, "What this Sovereign is made of")
	if err != nil {
		return fmt.Errorf("repository %s/%s: %w", systemOrg, configRepo, err)
	}
	if repo.Empty {
		r.Detail("commit to %s/%s", systemOrg, configRepo)
		if err := b.pushSeed(ctx); err != nil {
			return fmt.Errorf("push to %s/%s: %w", systemOrg, configRepo, err)
		}
	}
	_, err = os.Stat(b.membersMarker())
	b.fresh = errors.Is(err, os.ErrNotExist)
	r.Detail("")
	return b.followConfig(ctx)
}

// pushSeed pushes deploy/sovereign/demo as the first commit, by the demo's sovereign-admin.
func (b *Bootstrap) pushSeed(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "catalyst-seed-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	if err := os.CopyFS(dir, os.DirFS(b.Settings.Source("deploy", "sovereign", "demo"))); err != nil {
		return err
	}
	credentials := base64.StdEncoding.EncodeToString([]byte(controller + ":" + b.Secrets.GiteaToken[controller]))
	env := process.Environment(map[string]string{
		"HOME": dir, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
		"GIT_AUTHOR_NAME": "Sam Okoye", "GIT_AUTHOR_EMAIL": "sam@sovereign.example",
		"GIT_COMMITTER_NAME": "Catalyst", "GIT_COMMITTER_EMAIL": "catalyst@sovereign.example",
		// Not on the command line, where others could read it.
		"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": "Authorization: Basic " + credentials,
	})
	url := fmt.Sprintf("%s/%s/%s.git", b.Settings.GiteaURL(), systemOrg, configRepo)
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"add", "--all"},
		{"commit", "--quiet", "--message", "Bring in the Organization acme with its Environments dev, stg and prod"},
		{"push", "--quiet", url, "HEAD:refs/heads/main"},
	} {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir, cmd.Env = dir, env
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := b.Spawner.Run(cmd); err != nil {
			return fmt.Errorf("git %s: %w: %s", args[0], err, lastLine(out.String()))
		}
	}
	return nil
}

// followConfig makes Flux apply the repo, with credentials that may read it and rights on Catalyst's objects alone.
func (b *Bootstrap) followConfig(ctx context.Context) error {
	k, err := b.kube()
	if err != nil {
		return err
	}
	manifest, err := os.ReadFile(b.Settings.Source("deploy", "sovereign", "catalyst-config.yaml"))
	if err != nil {
		return err
	}
	text := strings.NewReplacer(
		"${GITEA_URL}", b.Settings.GiteaURL(), "${GIT_USER}", fluxAccount, "${GIT_TOKEN}", b.Secrets.GiteaToken[fluxAccount],
		"${REQUESTED_AT}", time.Now().UTC().Format(time.RFC3339Nano),
	).Replace(string(manifest))
	return eventually(ctx, time.Minute, func(ctx context.Context) error { return k.Apply(ctx, []byte(text)) })
}

func (b *Bootstrap) membersMarker() string { return b.Settings.File("demo-people-are-in-their-teams") }

// awaitOrganization waits until the environment-controller has made the Organizations and Environments real, and puts
// the demo people into the teams that it made. Later than the first time, one that is not ready is the business of who
// changed it: it is told, and the rest goes on.
func (b *Bootstrap) awaitOrganization(ctx context.Context, r *step.Report) error {
	err := eventually(ctx, b.organizationPatience(), func(ctx context.Context) error {
		err := b.organizationsReady(ctx)
		if err != nil {
			r.Detail("%s", err)
		}
		return err
	})
	if err != nil && b.fresh {
		return step.WithHint(err, "see %s and %s", b.Settings.Log("environment-controller"), b.Settings.Log("kustomize-controller"))
	}
	if err != nil {
		return nil //nolint:nilerr // told above
	}
	r.Detail("")
	if !b.fresh {
		return nil
	}
	g := b.forge()
	err = eventually(ctx, time.Minute, func(ctx context.Context) error {
		teams, err := g.Teams(ctx, demoOrg)
		if err != nil {
			return err
		}
		found := 0
		for _, t := range teams {
			if login, ok := demoTeams[t.Name]; ok {
				found++
				if err := g.AddMember(ctx, t, login); err != nil {
					return err
				}
			}
		}
		if found < len(demoTeams) {
			return fmt.Errorf("the teams of %s in Gitea are not there yet", demoOrg)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return sovereign.WriteFile(b.membersMarker(), nil, 0o644)
}

func (b *Bootstrap) organizationPatience() time.Duration {
	if b.fresh {
		return 3 * time.Minute
	}
	return 10 * time.Second
}

type conditions struct {
	Metadata struct {
		Name       string `json:"name"`
		Generation int64  `json:"generation"`
	} `json:"metadata"`
	Status struct {
		Conditions []struct {
			Type    string `json:"type"`
			Status  string `json:"status"`
			Message string `json:"message"`
		} `json:"conditions"`
	} `json:"status"`
}

func (c conditions) ready() error {
	for _, cond := range c.Status.Conditions {
		if cond.Type != "Ready" {
			continue
		}
		if cond.Status == "True" {
			return nil
		}
		return fmt.Errorf("%s is not ready: %s", c.Metadata.Name, cond.Message)
	}
	return fmt.Errorf("%s is not ready yet", c.Metadata.Name)
}

func (b *Bootstrap) organizationsReady(ctx context.Context) error {
	k, err := b.kube()
	if err != nil {
		return err
	}
	var sync conditions
	if err := k.Get(ctx, "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/catalyst-system/kustomizations/catalyst-config", &sync); err != nil {
		return err
	}
	if err := sync.ready(); err != nil {
		return err
	}
	for _, kind := range []string{"organizations", "environments"} {
		var list struct{ Items []conditions }
		if err := k.Get(ctx, "/apis/catalyst.openova.io/v1alpha1/namespaces/catalyst-system/"+kind, &list); err != nil {
			return err
		}
		if b.fresh && len(list.Items) == 0 {
			return fmt.Errorf("there are no %s yet", kind)
		}
		for _, item := range list.Items {
			if err := item.ready(); err != nil {
				return fmt.Errorf("%s %w", strings.TrimSuffix(kind, "s"), err)
			}
		}
	}
	return nil
}
