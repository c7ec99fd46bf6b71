package operation_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"catalyst.openova.io/pkg/forge"
	"catalyst.openova.io/pkg/view"
	"catalyst.openova.io/services/provisioning/internal/gitlayout"
	"catalyst.openova.io/services/provisioning/internal/operation"
)

// finish runs an Operation until it has ended, however often it is disturbed.
func (s *sovereign) finish(id string) *operation.Operation {
	s.t.Helper()
	for range 50 {
		out, err := s.runner.Run(s.t.Context(), id)
		if err != nil && !errors.Is(err, operation.ErrConflict) {
			s.t.Fatalf("run: %v", err)
		}
		if out.Ended {
			o, err := s.records.Get(s.t.Context(), id)
			if err != nil {
				s.t.Fatal(err)
			}
			return o
		}
		s.now = s.now.Add(time.Minute)
	}
	s.t.Fatalf("%s does not end", id)
	return nil
}

// nothing checks that of an install nothing is left that would run or bar a name.
func (s *sovereign) nothing(applications ...string) {
	s.t.Helper()
	for _, name := range applications {
		heads, err := s.git().Branches(s.t.Context(), repoOf(name))
		if errors.Is(err, forge.ErrNotFound) {
			continue
		}
		if err != nil || len(heads) == 0 {
			s.t.Errorf("%s is an empty repository: %v", name, err)
		}
		for branch := range heads {
			if f := s.tree(repoOf(name), branch); len(f) != 1 || !gitlayout.IsTombstone([]byte(f["README.md"])) {
				s.t.Errorf("%s of %s holds %v", branch, name, f)
			}
		}
	}
}

var four = []string{"shop-db-other", "shop-db", "shop-cache", "shop"}

// Cancelled at any call, an install has done everything or nothing.
func TestCancelledAnywhere(t *testing.T) {
	ended := map[view.OperationState]int{}
	for _, after := range []bool{false, true} {
		for at, reached := 1, true; reached; at++ {
			s := start(t)
			o := s.submit(shopInto("acme-dev", "2.0.0"))
			calls, refused := 0, false
			hook := func(forgeCall) error {
				if calls++; calls == at {
					_, err := s.service.Cancel(t.Context(), o.ID, ada)
					if refused = operation.CodeOf(err) == operation.CodeNotCancellable; err != nil && !refused {
						t.Errorf("cancel: %v", err)
					}
				}
				return nil
			}
			if s.forge.Before = hook; after {
				s.forge.Before, s.forge.After = nil, hook
			}
			done := s.finish(o.ID)
			reached = calls >= at
			ended[done.State]++
			switch done.State {
			case view.OperationSucceeded:
				s.whole(done)
				if reached && !refused && !strings.Contains(done.Message, "too late") {
					t.Errorf("call %d: it does not say that it was too late: %s", at, done.Message)
				}
			case view.OperationCancelled:
				s.nothing(four...)
				if refused || done.View().Cancellable {
					t.Errorf("call %d: refused %v: %s", at, refused, done.Message)
				}
			default:
				t.Errorf("call %d: %s: %s", at, done.State, done.Message)
			}
			s.forge.Before, s.forge.After = nil, nil
			if again := s.do(shopInto("acme-prod", "2.0.0")); len(again.Made) == 0 && done.State == view.OperationCancelled {
				t.Errorf("call %d: it cannot be installed again: %s", at, again.Message)
			}
		}
	}
	if ended[view.OperationCancelled] == 0 || ended[view.OperationSucceeded] == 0 {
		t.Errorf("ended as %v", ended)
	}
}

// While Git is down an Operation waits, and can be ended.
func TestCancelledWhileItWaits(t *testing.T) {
	s := start(t)
	o := s.submit(install("shop", "acme-dev"))
	down := true
	s.forge.Before = func(forgeCall) error {
		if down {
			return forge.ErrUnavailable
		}
		return nil
	}
	waiting := s.run(o.ID)
	if waiting.State != view.OperationWaiting || waiting.View().NextTryAt.IsZero() || !waiting.View().Cancellable {
		t.Errorf("%+v", waiting.View())
	}
	if _, err := s.service.Cancel(t.Context(), o.ID, ada); err != nil {
		t.Fatal(err)
	}
	if s.run(o.ID).Final() {
		t.Error("it ended although nobody knows whether the repository is there")
	}
	down = false
	if done := s.finish(o.ID); done.State != view.OperationCancelled {
		t.Errorf("%s: %s", done.State, done.Message)
	}
	s.nothing("shop")
}

// The name of the last repository is taken in between. What was made for it is taken back, killed or not.
func TestTakenBack(t *testing.T) {
	for at, reached := 0, true; reached; at++ {
		s := start(t)
		o := s.submit(shopInto("acme-dev", "2.0.0"))
		if err := s.git().CreateRepo(t.Context(), shopRepo, "somebody's"); err != nil {
			t.Fatal(err)
		}
		s.killAt(o.ID, at, at%2 == 1)
		reached = s.died || at == 0
		done := s.finish(o.ID)
		if done.State != view.OperationFailed || !strings.Contains(done.Message, "taken back") || !strings.Contains(done.Message, "Somebody else took the name shop") {
			t.Errorf("call %d: %s: %s", at, done.State, done.Message)
		}
		s.nothing(four[:3]...)
		if heads := s.heads(shopRepo); len(heads) != 0 {
			t.Errorf("somebody's repository was written to: %v", heads)
		}
	}
}

// What somebody has built on is left, and the Operation says so.
func TestNotTakenBackWhatSomebodyUses(t *testing.T) {
	s := start(t)
	o := s.submit(shopInto("acme-dev", "2.0.0"))
	s.forge.Before = func(c forgeCall) error {
		if c.Method == "CreateRepo" && c.Repo == shopRepo {
			s.quietly(func() { s.byHand(repoOf("shop-db"), "develop", "NOTES.md", "ours") })
			return forge.ErrExists
		}
		if c.Method == "Description" && c.Repo == shopRepo {
			return nil
		}
		return nil
	}
	if err := s.git().CreateRepo(t.Context(), shopRepo, "somebody's"); err != nil {
		t.Fatal(err)
	}
	done := s.finish(o.ID)
	if done.State != view.OperationFailed || !strings.Contains(done.Message, "shop-db was not taken back") || !strings.Contains(done.Hint, "shop-db") {
		t.Errorf("%s: %s (%s)", done.State, done.Message, done.Hint)
	}
	s.forge.Before = nil
	s.nothing("shop-db-other", "shop-cache")
	if f := s.tree(repoOf("shop-db"), "develop"); f["NOTES.md"] == "" || f["application.yaml"] == "" {
		t.Errorf("shop-db holds %v", f)
	}
}

// quietly does something in a hook.
func (s *sovereign) quietly(f func()) {
	hooked := s.forge
	s.forge = hooked.Quiet()
	f()
	s.forge = hooked
}

// An upgrade whose branch moves is refused as a whole: the new dependency goes, what was there stays.
func TestUpgradeTakenBack(t *testing.T) {
	s := start(t)
	s.do(shopInto("acme-dev", "1.1.0"))
	r := ask(operation.Upgrade, "acme-dev")
	r.Version = "2.0.0"
	o := s.submit(r)
	hand := s.byHand(shopRepo, "develop", "NOTES.md", "x")
	done := s.finish(o.ID)
	if done.State != view.OperationFailed || !strings.Contains(done.Message, "Noor Haddad") || done.Hint == "" || s.heads(shopRepo)["develop"] != hand {
		t.Errorf("%s: %s", done.State, done.Message)
	}
	s.nothing("shop-cache")
}

// What an Operation changed in a repository that was there is put back as it was.
func TestExistingRepositoryIsPutBack(t *testing.T) {
	s := start(t)
	s.do(shopInto("acme-dev", "1.0.0"))
	before := s.tree(repoOf("shop-db"), "staging")
	o := s.submit(shopInto("acme-stg", ""))
	s.byHand(shopRepo, "staging", "NOTES.md", "x")
	if done := s.finish(o.ID); done.State != view.OperationFailed {
		t.Fatalf("%s: %s", done.State, done.Message)
	}
	if after := s.tree(repoOf("shop-db"), "staging"); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("shop-db holds %v", after)
	}
}

// Every Operation that succeeded is run again from its beginning. Nothing changes.
func TestReplay(t *testing.T) {
	s := start(t)
	up, configure := ask(operation.Upgrade, "acme-dev"), ask(operation.Configure, "acme-dev")
	up.Version, configure.Values = "2.0.0", map[string]any{"replicas": 9}
	var ids []string
	for _, r := range []operation.Request{shopInto("acme-dev", "1.1.0"), shopInto("acme-stg", ""), up, configure, ask(operation.Pause, "acme-dev"),
		ask(operation.Uninstall, "acme-stg"), ask(operation.Uninstall, "acme-dev"), shopInto("acme-prod", "2.0.0")} {
		if r.Action == operation.Install && r.Environment == "acme-prod" {
			r.Application = "late"
		}
		ids = append(ids, s.do(r).ID)
	}
	state := func() string {
		out := ""
		repos, err := s.git().Repos(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		for _, repo := range repos {
			out += fmt.Sprintln(repo, s.heads(repo), s.forge.Commits(repo))
		}
		return out
	}
	before := state()
	for _, id := range ids {
		s.records.begin(t, id)
		if again := s.finish(id); again.State != view.OperationSucceeded {
			t.Errorf("%s: %s: %s", again.Action, again.State, again.Message)
		}
	}
	if after := state(); after != before {
		t.Errorf("before\n%safter\n%s", before, after)
	}
}

// begin sets an Operation back to where it was accepted.
func (r *records) begin(t *testing.T, id string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stored[id] = r.first[id]
}

// Any faults of the forge, deaths and cancellations: each Operation ends, and each install is whole or nothing.
func TestAnyFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := start(t)
		o := s.submit(shopInto("acme-dev", "2.0.0"))
		faults := rapid.SliceOfN(rapid.SampledFrom([]string{"", "", "", "down", "lost", "kill", "cancel", "take"}), 0, 40).Draw(rt, "faults")
		n := -1
		next := func() string {
			if n++; n < len(faults) {
				return faults[n]
			}
			return ""
		}
		var lost string
		s.forge.Before = func(c forgeCall) error {
			switch lost = next(); lost {
			case "down":
				return forge.ErrUnavailable
			case "kill":
				return errKilled
			case "cancel":
				_, _ = s.service.Cancel(t.Context(), o.ID, ada) // refused or not
			case "take":
				_ = s.git().CreateRepo(t.Context(), repoOf("shop"), "somebody's") // it may be there
			}
			return nil
		}
		s.forge.After = func(forgeCall) error {
			if lost == "lost" {
				return fmt.Errorf("%w: connection reset", forge.ErrUnavailable)
			}
			return nil
		}
		runner := *s.runner
		runner.Forge = mortal{s.forge}
		for ended := false; !ended; s.now = s.now.Add(time.Second) {
			died(func() error {
				out, err := runner.Run(t.Context(), o.ID)
				ended = out.Ended
				return err
			})
		}
		s.forge.Before, s.forge.After = nil, nil
		done := s.finish(o.ID)
		d, _ := s.git().Description(t.Context(), shopRepo)
		mine := four
		if d == "somebody's" {
			mine = four[:3]
		}
		switch done.State {
		case view.OperationSucceeded:
			s.whole(done)
		default:
			s.nothing(mine...)
		}
		if s.t.Failed() {
			rt.Fatalf("%s: %s", done.State, done.Message)
		}
	})
}

// A record as earlier versions wrote it is carried out.
func TestOldRecord(t *testing.T) {
	s := start(t)
	old := strings.ReplaceAll(`{"id":"op-AAAA","fingerprint":"f","organization":"acme","environment":"acme-dev","environments":["acme-dev"],"application":"shop",
"action":"install","requester":{"subject":"u","name":"Ada","email":"ada@acme.example"},"plan":{"repo":{"Organization":"acme","Name":"shop"},"create":true,
"description":"Application shop (Catalyst-Operation: op-AAAA)","message":"Install shop\n\nCatalyst-Operation: op-AAAA\n",
"author":{"Name":"Ada","Email":"ada@acme.example"},"at":"2026-03-01T12:00:00Z","write":{"a/b":"eA==","c":"eQ=="},"commits":[{"refs":[{"branch":"develop"},{"branch":"main"}]}]},
"state":"Running","message":"m","steps":[{"name":"Create the repository","state":"Succeeded"},{"name":"Commit and push","state":"Running"},{"name":"Verify the branches","state":"Pending"}],
"createdAt":"2026-03-01T12:00:00Z","sequence":3}`, "AAAA", strings.Repeat("a", 20))
	if err := s.forge.CreateRepo(t.Context(), shopRepo, "Application shop (Catalyst-Operation: op-"+strings.Repeat("a", 20)+")"); err != nil {
		t.Fatal(err)
	}
	var o operation.Operation
	if err := json.Unmarshal([]byte(old), &o); err != nil {
		t.Fatal(err)
	}
	if err := s.records.Create(t.Context(), &o); err != nil {
		t.Fatal(err)
	}
	done := s.finish(o.ID)
	if done.State != view.OperationSucceeded || done.Commit == "" || s.tree(shopRepo, "main")["a/b"] != "x" || s.forge.Commits(shopRepo) != 1 || s.forge.Calls("CreateRepo") != 1 {
		t.Errorf("%s: %s", done.State, done.Message)
	}
}

// What cannot fit into a record is refused before anything is done.
func TestTooLarge(t *testing.T) {
	s := start(t)
	r := install("shop", "acme-dev")
	r.Values = map[string]any{"message": noise(800 << 10)}
	if _, err := s.service.Submit(t.Context(), r); operation.CodeOf(err) != operation.CodeInvalidValues {
		t.Errorf("got %v", err) // the settings themselves are bounded
	}
	if len(s.records.stored) != 0 {
		t.Error("it was accepted")
	}
}

func noise(n int) string {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = 'a' + byte(x>>24)%26
	}
	return string(b)
}

// The same plan comes of the same state, as bytes.
func TestAPlanIsAFunctionOfItsInputs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		version := rapid.SampledFrom([]string{"", "1.0.0", "1.1.0", "2.0.0"}).Draw(rt, "version")
		values := map[string]any{"replicas": rapid.IntRange(1, 10).Draw(rt, "replicas")}
		there := rapid.Bool().Draw(rt, "there")
		var first string
		for range 2 {
			s := start(t)
			if there {
				s.do(operation.Request{Action: operation.Install, Organization: "acme", Environment: "acme-dev", Application: "shop-db", Blueprint: "bp-db", Person: ada, Key: "a"})
			}
			r := shopInto("acme-dev", version)
			r.Values, r.Key = values, "k"
			o := s.submit(r)
			b, err := json.Marshal(o)
			if err != nil {
				rt.Fatal(err)
			}
			if first == "" {
				first = string(b)
			}
			if first != string(b) {
				rt.Fatalf("one\n%s\nother\n%s", first, b)
			}
			done := s.run(o.ID)
			for _, c := range o.Plan.Changes { // what was planned is what is read back
				for path, content := range o.Plan.Files(c.Commits[0]) {
					if s.tree(c.Repo, "develop")[path] != string(content) {
						rt.Fatalf("%s of %s differs from the plan", path, c.Repo)
					}
				}
				spec := s.spec(c.Application, "develop")
				if spec.Name != c.Application || done.Made[c.Application] == "" {
					rt.Fatalf("%s says %+v", c.Application, spec)
				}
			}
			if got := s.settings("shop", "acme-dev"); !gitlayout.SameValues(got, map[string]any{"replicas": values["replicas"], "message": "Hello"}) {
				rt.Fatalf("settings %v", got)
			}
		}
	})
}
