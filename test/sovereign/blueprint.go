package sovereign

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var versionLine = regexp.MustCompile(`(?m)^( *)version: \d+\.\d+\.\d+$`)

// Publish signs a Blueprint of this repository under another name and version, and returns its digest once the catalog
// offers it.
func (s *Sovereign) Publish(t testing.TB, p *Person, folder, name, version string) (digest string) {
	t.Helper()
	command := os.Getenv("CATALYST")
	if command == "" {
		t.Fatal("to publish a Blueprint takes the command line: set CATALYST to its path, as make does")
	}
	registry := ""
	for _, v := range s.Process(t, "catalog").Environ(t) {
		if value, ok := strings.CutPrefix(v, "CATALYST_REGISTRY="); ok {
			registry = value
		}
	}
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"blueprint.yaml", "chart/Chart.yaml"} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(b), "name: "+filepath.Base(folder)+"\n", "name: "+name+"\n")
		text = versionLine.ReplaceAllString(text, "${1}version: "+version)
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), command, "blueprint", "push", "--replace", "--registry", registry, "--key", filepath.Join(s.Home, "keys", "signing.key"), dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("publish %s %s: %v\n%s", name, version, err, out)
	}
	Eventually(t, time.Minute, func() error {
		a, err := p.Try(http.MethodGet, "/api/v1/blueprints/"+name+"/versions/"+version, nil)
		if err != nil {
			return err
		}
		var v struct{ Digest string }
		if a.Status == http.StatusOK {
			a.Decode(t, &v)
		}
		if digest = v.Digest; digest == "" {
			return fmt.Errorf("the catalog does not offer %s %s: %d: %s", name, version, a.Status, a.Body)
		}
		return nil
	})
	return digest
}
