package boot

import (
	"context"
	"fmt"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/gitea"
	"catalyst.openova.io/cmd/catalyst/internal/process"
	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
	"catalyst.openova.io/cmd/catalyst/internal/step"
)

const (
	controller   = "catalyst-controller"
	provisioning = "catalyst-provisioning"
	observer     = "catalyst-observer"
	fluxAccount  = "catalyst-flux"
	systemOrg    = "system"
	configRepo   = "catalyst-config"
	demoOrg      = "acme"

	// tokenPatience is how long Gitea may take to know a token that its own command made.
	tokenPatience = 20 * time.Second
)

// scopes is what a token of each account may do, at most; teams narrow it to repositories.
var scopes = map[string][]string{
	provisioning: {"write:repository", "write:organization", "read:user"},
	observer:     {"read:repository", "read:organization", "read:user"},
	fluxAccount:  {"read:repository"},
}

// people who may sign in, as the issuer knows them too.
var people = []gitea.Account{
	{Login: "ada", FullName: "Ada Lindqvist", Email: "ada@acme.example", Password: "catalyst"},
	{Login: "noor", FullName: "Noor Haddad", Email: "noor@acme.example", Password: "catalyst"},
	{Login: "vik", FullName: "Vik Rao", Email: "vik@acme.example", Password: "catalyst"},
	{Login: "sam", FullName: "Sam Okoye", Email: "sam@sovereign.example", Password: "catalyst"},
	{Login: "sol", FullName: "Sol Marín", Email: "sol@sovereign.example", Password: "catalyst"},
}

// demoTeams says which person is in which team of the demo Organization.
var demoTeams = map[string]string{"org-admin": "ada", "org-developer": "noor", "org-viewer": "vik"}

func (b *Bootstrap) startGitea(ctx context.Context, r *step.Report) error {
	s := b.Settings
	me, err := user.Current()
	if err != nil {
		return err
	}
	conf := sovereign.GiteaConfig(s, b.Secrets, filepath.Join(b.bin.Gitea, "assets"), me.Username)
	if err := sovereign.WriteFile(s.GiteaConfigFile(), []byte(conf), 0o600); err != nil {
		return err
	}
	b.Supervisor.Start("gitea")
	r.Detail("starts")
	if err := b.wait(ctx, "gitea"); err != nil {
		return err
	}
	r.Detail("accounts")
	if err := b.accounts(ctx); err != nil {
		return fmt.Errorf("Gitea's accounts: %w", err) //nolint:staticcheck // a name
	}
	r.Detail("")
	return b.system(ctx)
}

func (b *Bootstrap) forge() *gitea.Client {
	return &gitea.Client{URL: b.Settings.GiteaURL(), Token: b.Secrets.GiteaToken[controller]}
}

// accounts makes the accounts of our services with a token each, and those of the demo people.
func (b *Bootstrap) accounts(ctx context.Context) error {
	if err := b.administrator(ctx); err != nil {
		return err
	}
	admin := b.forge()
	for _, name := range sovereign.GiteaAccounts[1:] {
		client := &gitea.Client{URL: b.Settings.GiteaURL(), Token: b.Secrets.GiteaToken[name]}
		if client.Token != "" {
			ok, err := client.Works(ctx)
			if err != nil && name != fluxAccount {
				return err
			}
			if ok || name == fluxAccount {
				continue
			}
		}
		password := b.Secrets.GiteaPassword[name]
		if err := admin.EnsureAccount(ctx, gitea.Account{
			Login: name, FullName: "Catalyst " + strings.TrimPrefix(name, "catalyst-"), Email: name + "@sovereign.example", Password: password,
		}); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		client = &gitea.Client{URL: b.Settings.GiteaURL(), User: name, Password: password}
		token, err := client.NewToken(ctx, "catalyst", scopes[name]...)
		if err != nil {
			return fmt.Errorf("token of %s: %w", name, err)
		}
		b.Secrets.GiteaToken[name] = token
	}
	for _, p := range people {
		if err := admin.EnsureAccount(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p.Login, err)
		}
	}
	if err := b.Secrets.Save(); err != nil {
		return err
	}
	b.declare()
	return nil
}

// administrator makes the first account, for which Gitea has no API, and its token.
func (b *Bootstrap) administrator(ctx context.Context) error {
	if b.Secrets.GiteaToken[controller] != "" {
		if ok, err := b.forge().Works(ctx); ok || err != nil {
			return err
		}
	}
	// The password is never used: Catalyst knows the token alone.
	out, err := b.giteaCommand(ctx, "admin", "user", "create", "--username", controller, "--email", controller+"@sovereign.example",
		"--admin", "--random-password", "--must-change-password=false")
	if err != nil && !strings.Contains(out, "already exists") {
		return err
	}
	token, err := b.giteaCommand(ctx, "admin", "user", "generate-access-token", "--username", controller,
		"--token-name", fmt.Sprintf("catalyst-%d", time.Now().Unix()), "--scopes", "all", "--raw")
	if err != nil {
		return err
	}
	lines := strings.Fields(token)
	if len(lines) == 0 {
		return fmt.Errorf("Gitea gave no token for %s", controller) //nolint:staticcheck // a name
	}
	b.Secrets.GiteaToken[controller] = lines[len(lines)-1]
	// Another process made it, and the one that serves has been seen not to know it yet.
	return eventually(ctx, tokenPatience, func(ctx context.Context) error {
		ok, err := b.forge().Works(ctx)
		if err == nil && !ok {
			err = fmt.Errorf("Gitea does not take the token that it gave %s", controller) //nolint:staticcheck // a name
		}
		return err
	})
}

func (b *Bootstrap) giteaCommand(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin.Gitea, "gitea"), append(args, "--config", b.Settings.GiteaConfigFile())...)
	cmd.Env = process.Environment(map[string]string{"GITEA_WORK_DIR": b.Settings.File("gitea")})
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := b.Spawner.Run(cmd); err != nil {
		text := out.String() + errs.String()
		return text, fmt.Errorf("gitea %s: %w: %s", strings.Join(args[:3], " "), err, lastLine(text))
	}
	return out.String(), nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// system makes the organization in which the Sovereign's own configuration lies.
func (b *Bootstrap) system(ctx context.Context) error {
	g := b.forge()
	if err := g.EnsureOrganization(ctx, systemOrg, "Sovereign"); err != nil {
		return fmt.Errorf("organization %s: %w", systemOrg, err)
	}
	members := map[string][]string{"Owners": {"sam"}, "readers": {observer, fluxAccount}}
	for _, name := range []string{"Owners", "readers"} {
		team, err := g.EnsureTeam(ctx, systemOrg, name, "read")
		if err != nil {
			return fmt.Errorf("team %s: %w", name, err)
		}
		for _, m := range members[name] {
			if err := g.AddMember(ctx, team, m); err != nil {
				return fmt.Errorf("%s into team %s: %w", m, name, err)
			}
		}
	}
	if err := g.EnsureWebhook(ctx, systemOrg, b.Settings.WebhookURL(), b.Secrets.WebhookSecret); err != nil {
		return fmt.Errorf("webhook of %s: %w", systemOrg, err)
	}
	return nil
}
