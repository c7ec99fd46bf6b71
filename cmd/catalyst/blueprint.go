package main

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"catalyst.openova.io/pkg/blueprint/artifact"
)

// blueprintCmd is for the authors of Blueprints.
type blueprintCmd struct {
	Lint blueprintLintCmd `cmd:"" help:"Check Blueprint folders."`
	Push blueprintPushCmd `cmd:"" help:"Check, pack, sign and publish Blueprint folders."`
}

type blueprintLintCmd struct {
	Folders []string `arg:"" name:"dir" type:"existingdir" help:"Folders that hold a blueprint.yaml."`
}

// Run tells what is wrong with every folder before it fails.
func (c *blueprintLintCmd) Run() error {
	_, err := packAll(c.Folders)
	return err
}

type blueprintPushCmd struct {
	Registry string   `required:"" placeholder:"URL" help:"The registry, such as https://registry.example; http:// is without TLS."`
	Key      string   `required:"" type:"existingfile" placeholder:"FILE" help:"The ECDSA private key (PEM) to sign with."`
	Prefix   string   `default:"catalog" help:"The part of the repository before the name."`
	Replace  bool     `help:"Move a version that is there with another content. Applications stay on the digest they were installed from."`
	Folders  []string `arg:"" name:"dir" type:"existingdir" help:"Folders that hold a blueprint.yaml."`
}

// Run publishes the folders. Nothing is pushed unless all of them are sound.
func (c *blueprintPushCmd) Run(ctx context.Context) error {
	raw, err := os.ReadFile(c.Key)
	if err != nil {
		return fmt.Errorf("read the signing key: %w", err)
	}
	key, err := artifact.ParsePrivateKey(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Key, err)
	}
	packages, err := packAll(c.Folders)
	if err != nil {
		return err
	}
	for _, p := range packages {
		if err := c.push(ctx, os.Stdout, p, key); err != nil {
			return err
		}
	}
	return nil
}

func (c *blueprintPushCmd) push(ctx context.Context, out io.Writer, p *artifact.Package, key *ecdsa.PrivateKey) error {
	registry, err := artifact.Registry(c.Registry)
	if err != nil {
		return err
	}
	meta := p.Blueprint.Metadata
	ref := artifact.Reference{Repository: c.Prefix + "/" + meta.Name, Version: meta.Version}
	repository, err := registry.Repository(ctx, ref.Repository)
	if err != nil {
		return fmt.Errorf("%s/%s: %w", c.Registry, ref.Repository, err)
	}
	pushed, err := artifact.Publish(ctx, repository, ref, p, key, c.Replace)
	if err != nil {
		return err
	}
	word := "is there already"
	if pushed {
		word = "published"
	}
	_, err = fmt.Fprintf(out, "%s %s %s (%s)\n", meta.Name, meta.Version, word, p.Digest)
	return err
}

func packAll(folders []string) ([]*artifact.Package, error) {
	var packages []*artifact.Package
	var failed error
	for _, dir := range folders {
		p, err := packFolder(dir)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", filepath.Clean(dir), err))
			continue
		}
		packages = append(packages, p)
	}
	return packages, failed
}

// packFolder reads through a root, so that no link leads out of the folder.
func packFolder(dir string) (*artifact.Package, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // it was only read
	return artifact.Pack(root.FS())
}
