package main

import (
	"os"
	"path/filepath"

	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
)

// settings reads what a person chose: the flags, and CATALYST_HOME, CATALYST_PORT_OFFSET and XDG_CACHE_HOME.
func (c *cli) settings(kubeconfig string) (sovereign.Settings, error) {
	var s sovereign.Settings
	dir := c.Repo
	if dir == "" {
		cwd, err := os.Getwd()
		if err != nil {
			return s, err
		}
		if dir, err = sovereign.FindRepo(cwd); err != nil {
			return s, err
		}
	}
	repo, err := filepath.Abs(dir)
	if err != nil {
		return s, err
	}
	offset, err := sovereign.ParsePortOffset(os.Getenv("CATALYST_PORT_OFFSET"))
	if err != nil {
		return s, err
	}
	home := os.Getenv("CATALYST_HOME")
	if home == "" {
		home = filepath.Join(repo, ".catalyst")
	}
	if home, err = filepath.Abs(home); err != nil {
		return s, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return s, err
	}
	if kubeconfig != "" {
		if kubeconfig, err = filepath.Abs(kubeconfig); err != nil {
			return s, err
		}
	}
	s = sovereign.Settings{
		Repo: repo, Home: home, Cache: filepath.Join(cache, "catalyst"), PortOffset: offset, Kubeconfig: kubeconfig,
	}
	return s, s.Validate()
}
