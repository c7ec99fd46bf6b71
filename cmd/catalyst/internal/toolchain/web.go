package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/process"
	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
)

// Console builds the console if its sources changed since it was built the last time, and returns its folder.
func (t *Toolchain) Console(ctx context.Context, s sovereign.Settings, progress Progress) (string, error) {
	web := s.Source("web")
	hash, err := hashTree(web, "node_modules", "dist", "test-results", "tools/node_modules")
	if err != nil {
		return "", fmt.Errorf("the console's sources: %w", err)
	}
	out := s.Cached("console", hash)
	if exists(filepath.Join(out, complete)) {
		return out, used(out)
	}
	npm := func(args ...string) error {
		cmd := exec.CommandContext(ctx, "npm", args...)
		cmd.Dir = web
		cmd.Env = process.Environment(map[string]string{"npm_config_update_notifier": "false", "npm_config_fund": "false", "npm_config_audit": "false"})
		return t.run(ctx, "console", cmd, func(string) {})
	}
	lock, err := hashFiles(filepath.Join(web, "package-lock.json"), filepath.Join(web, "package.json"))
	if err != nil {
		return "", err
	}
	marker := filepath.Join(web, "node_modules", ".catalyst-installed")
	if b, err := os.ReadFile(marker); err != nil || string(b) != lock {
		progress(0.05, "npm ci")
		if err := npm("ci"); err != nil {
			return "", err
		}
		if err := sovereign.WriteFile(marker, []byte(lock), 0o644); err != nil {
			return "", err
		}
	}
	progress(0.7, "vite build")
	if err := npm("exec", "--", "vite", "build", "--outDir", out, "--emptyOutDir"); err != nil {
		return "", err
	}
	if err := sovereign.WriteFile(filepath.Join(out, complete), nil, 0o644); err != nil {
		return "", err
	}
	return out, forget(filepath.Dir(out), time.Now())
}

func hashTree(dir string, skip ...string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		for _, s := range skip {
			if rel == s && d.IsDir() {
				return filepath.SkipDir
			}
		}
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		return hashFile(h, rel, path)
	})
	return hex.EncodeToString(h.Sum(nil))[:16], err
}

func hashFiles(paths ...string) (string, error) {
	h := sha256.New()
	for _, p := range paths {
		if err := hashFile(h, filepath.Base(p), p); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

func hashFile(h io.Writer, name, path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fmt.Fprintln(h, name, len(b))
	_, err = h.Write(b)
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
