//go:build integration

package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/spine"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/test/sovereign"
)

// world is an Organization on a running Sovereign, and everything by which it is looked at.
type world struct {
	s     *sovereign.Sovereign
	org   string
	sam   *sovereign.Person
	forge *sovereign.Forge
	ended *sovereign.Operations
	// intents is where provisioning keeps what was asked for.
	intents jetstream.JetStream
}

// enter makes an Organization of its own.
func enter(t *testing.T) *world {
	t.Helper()
	s := sovereign.Attach(t)
	sam := s.SignIn(t, sovereign.Chief)
	org := "chaos-" + strconv.FormatInt(time.Now().UnixNano()/1e6, 36)
	s.NewOrganization(t, sam, org)
	return &world{s: s, org: org, sam: sam, forge: s.Forge(t, "provisioning"), ended: sam.Follow(t, org, nil).Operations, intents: s.Intents(t).JetStream()}
}

func (w *world) repo(name string) forge.Repo { return forge.Repo{Organization: w.org, Name: name} }

// breath is how long a client waits before it asks again.
const breath = 200 * time.Millisecond

func rest(ctx context.Context) {
	t := time.NewTimer(breath)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// install asks until it is accepted. Only what says that it may pass is asked again.
func (w *world) install(ctx context.Context, one *wish) error {
	last := "nothing was answered"
	for ; ctx.Err() == nil; rest(ctx) {
		a, err := w.sam.Try(http.MethodPost, "/api/v1/organizations/"+w.org+"/applications", one.body, "Idempotency-Key", one.key)
		switch {
		case err != nil:
			last = err.Error()
		case a.Status == http.StatusAccepted && a.Header.Get("Location") != "":
			one.location = a.Header.Get("Location")
			return nil
		case a.Status < http.StatusInternalServerError:
			return fmt.Errorf("install %s: %d: %s", one.name, a.Status, a.Body)
		default:
			last = fmt.Sprintf("%d: %s", a.Status, a.Body)
		}
	}
	return fmt.Errorf("install %s: %w; last: %s", one.name, ctx.Err(), last)
}

func (w *world) succeeded(ctx context.Context, one *wish) error {
	p, err := w.ended.Await(ctx, one.operation(), sovereign.Progress.Final)
	if err != nil {
		return fmt.Errorf("install %s: %w", one.name, err)
	}
	if p.State != view.OperationSucceeded {
		return fmt.Errorf("install %s ended as %s: %s", one.name, p.State, p.Message)
	}
	return nil
}

// exactly compares the forge with the plan: these repositories and no other, three branches at one commit that has no
// parent, by the person and with the trailers. It returns where the branches are.
func (w *world) exactly(t *testing.T, plan []*wish) map[string]string {
	t.Helper()
	heads := map[string]string{}
	var want, got []string
	for _, one := range plan {
		want = append(want, one.repos...)
		for _, name := range one.repos {
			repo := w.repo(name)
			head, err := w.once(t.Context(), repo, one)
			if err != nil {
				t.Errorf("%s: %v", repo, err)
			}
			heads[name] = head
		}
	}
	repos, err := w.forge.Repos(t.Context(), w.org)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range repos {
		got = append(got, r.Name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("the forge holds %d repositories, %d were asked for: %v", len(got), len(want), difference(want, got))
	}
	return heads
}

// once returns the one commit of a repository.
func (w *world) once(ctx context.Context, repo forge.Repo, one *wish) (string, error) {
	branches, err := w.forge.Branches(ctx, repo)
	if err != nil {
		return "", err
	}
	head := branches["main"]
	if want := map[string]string{"develop": head, "staging": head, "main": head}; head == "" || !maps.Equal(branches, want) {
		return head, fmt.Errorf("its branches are %v, want develop, staging and main at one commit", branches)
	}
	c, err := w.forge.Commit(repo, head)
	if err != nil {
		return head, err
	}
	switch {
	case len(c.Parents) > 0:
		return head, fmt.Errorf("%s has a parent: there is more than one commit", head)
	case c.Commit.Author != sovereign.Signature{Name: "Sam Okoye", Email: sovereign.Chief} || c.Commit.Committer.Name != "Catalyst":
		return head, fmt.Errorf("the commit is by %v through %v", c.Commit.Author, c.Commit.Committer)
	}
	for _, trailer := range []string{"Catalyst-Operation: " + one.operation(), "Catalyst-Request: " + one.key} {
		if !slices.Contains(strings.Split(c.Commit.Message, "\n"), trailer) {
			return head, fmt.Errorf("the commit lacks the trailer %q:\n%s", trailer, c.Commit.Message)
		}
	}
	return head, nil
}

func difference(want, got []string) (out []string) {
	for _, name := range want {
		if !slices.Contains(got, name) {
			out = append(out, name+" is missing")
		}
	}
	for _, name := range got {
		if !slices.Contains(want, name) {
			out = append(out, name+" is too many")
		}
	}
	return out
}

func equal(a, b map[string]string) bool { return maps.Equal(a, b) }

// records are the Operations of the Organization as provisioning keeps them.
func (w *world) records(t *testing.T) (jetstream.KeyValue, map[string]map[string]any) {
	t.Helper()
	kv, err := w.intents.KeyValue(t.Context(), "operations")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := kv.ListKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]any{}
	for key := range keys.Keys() {
		e, err := kv.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		var o map[string]any
		if err := json.Unmarshal(e.Value(), &o); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if o["organization"] == w.org {
			all[key] = o
		}
	}
	return kv, all
}

// nothingOpen checks that there is one Operation for each install, that it has ended, and that REST and the stream say so.
func (w *world) nothingOpen(t *testing.T, plan []*wish) {
	t.Helper()
	_, all := w.records(t)
	for key, o := range all {
		if o["state"] != string(view.OperationSucceeded) {
			t.Errorf("the record of %s says %v: %v", key, o["state"], o["message"])
		}
	}
	if len(all) != len(plan) {
		t.Errorf("%d installs were asked for, and there are %d Operations", len(plan), len(all))
	}
	if open := w.ended.Open(); len(open) > 0 {
		t.Errorf("the stream does not tell the end of %v", open)
	}
	for _, one := range plan {
		var o view.Operation
		if a := w.sam.Do(t, http.MethodGet, one.location, nil); a.Status == http.StatusOK {
			a.Decode(t, &o)
		}
		if o.State != view.OperationSucceeded {
			t.Errorf("%s: %s: %s", one.location, o.State, o.Message)
		}
	}
}

// askAgain repeats every request: each is answered with the Operation of the first time.
func (w *world) askAgain(t *testing.T, plan []*wish) {
	t.Helper()
	for _, one := range plan {
		again := *one
		again.location = ""
		if err := w.install(t.Context(), &again); err != nil || again.location != one.location {
			t.Errorf("%s became %s when it was asked for again (%v)", one.location, again.location, err)
		}
	}
}

// replay puts every Operation back to where nothing was done yet, and has it carried out once more.
func (w *world) replay(t *testing.T, plan []*wish) {
	t.Helper()
	kv, all := w.records(t)
	for key, o := range all {
		undo(o)
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(t.Context(), key, b); err != nil {
			t.Fatal(err)
		}
		if _, err := w.intents.Publish(t.Context(), "operations.run."+spine.Encode(key), nil); err != nil {
			t.Fatal(err)
		}
	}
	sovereign.Eventually(t, time.Minute+time.Duration(len(plan))*3*time.Second, func() error {
		_, all := w.records(t)
		for key, o := range all {
			switch state := view.OperationState(fmt.Sprint(o["state"])); state {
			case view.OperationSucceeded:
			case view.OperationFailed, view.OperationCancelled:
				t.Fatalf("%s ended as %s when it was carried out once more: %v", key, state, o["message"])
			default:
				return fmt.Errorf("%s is %s: %v", key, state, o["message"])
			}
		}
		return nil
	})
}

// undo makes a record that has ended one that has not begun.
func undo(o map[string]any) {
	o["state"] = view.OperationPending
	for _, outcome := range []string{"endedAt", "commit", "made"} {
		delete(o, outcome)
	}
	steps, _ := o["steps"].([]any)
	for _, s := range steps {
		if step, ok := s.(map[string]any); ok {
			step["state"] = view.OperationPending
		}
	}
}
