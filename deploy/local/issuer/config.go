package main

import (
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"catalyst.openova.io/deploy/local/issuer/internal/provider"
)

// demoPeople sign in where CATALYST_PEOPLE_FILE names no others.
//
//go:embed people.yaml
var demoPeople []byte

type config struct {
	listen     string
	peopleFile string
	provider   provider.Config
}

func readConfig(getenv func(string) string) (config, error) {
	or := func(name, fallback string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return fallback
	}
	cfg := config{
		listen: or("CATALYST_LISTEN", "127.0.0.1:7090"), peopleFile: getenv("CATALYST_PEOPLE_FILE"),
		provider: provider.Config{
			IssuerURL: strings.TrimSuffix(or("CATALYST_ISSUER_URL", "http://127.0.0.1:7090"), "/"),
			Audience:  or("CATALYST_AUDIENCE", "catalyst"),
			ClientID:  or("CATALYST_OIDC_CLIENT_ID", "catalyst-console"), ClientSecret: getenv("CATALYST_OIDC_CLIENT_SECRET"),
			RedirectURL: or("CATALYST_OIDC_REDIRECT_URL", strings.TrimSuffix(or("CATALYST_PUBLIC_URL", "http://127.0.0.1:7080"), "/")+"/auth/callback"),
			StateDir:    getenv("CATALYST_STATE_DIR"),
		},
	}
	if cfg.provider.StateDir == "" {
		return config{}, errors.New("CATALYST_STATE_DIR is not set: the folder in which keys and refresh tokens are kept")
	}
	if v := getenv("CATALYST_ACCESS_TOKEN_LIFE"); v != "" {
		life, err := time.ParseDuration(v)
		if err != nil || life <= 0 {
			return config{}, fmt.Errorf("CATALYST_ACCESS_TOKEN_LIFE: %q is not a duration such as 15m", v)
		}
		cfg.provider.AccessLife = life
	}
	for name, v := range map[string]string{"CATALYST_ISSUER_URL": cfg.provider.IssuerURL, "CATALYST_OIDC_REDIRECT_URL": cfg.provider.RedirectURL} {
		if u, err := url.Parse(v); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return config{}, fmt.Errorf("%s: %q is not a URL such as http://127.0.0.1:7090", name, v)
		}
	}
	return cfg, nil
}
