package projection

import (
	"cmp"
	"fmt"
	"strings"

	"catalyst.openova.io/pkg/view"
	spinev1 "catalyst.openova.io/proto/gen/catalyst/spine/v1"
)

// The verdicts of kstatus that the rules name.
const (
	current    = "Current"
	failed     = "Failed"
	inProgress = "InProgress"
)

// phase says what the Application is doing and why, in the order in which a person would ask: is it wanted, is it held,
// is it broken, is it there, is it healthy. An empty phase means that there is nothing to show.
func (e *evidence) phase() (view.Phase, string) {
	if phase, message, done := e.wanted(); done {
		return phase, message
	}
	if e.branch.GetProblem() != "" {
		return view.PhaseFailed, "Git holds a description that cannot be read: " + e.branch.GetProblem()
	}
	for _, o := range e.objects {
		if o.GetFlux().GetSuspended() {
			return view.PhasePaused, fmt.Sprintf("%s is suspended, so nothing follows Git until it is resumed.", name(o))
		}
	}
	for _, o := range e.objects {
		if broken(o) {
			return view.PhaseFailed, fmt.Sprintf("%s: %s", name(o), reason(o))
		}
	}
	if phase, message, done := e.delivered(); done {
		return phase, message
	}
	return e.healthy()
}

// wanted decides by Git, and by an Operation that Git has not caught up with.
func (e *evidence) wanted() (view.Phase, string, bool) {
	var op *spinev1.OperationProgressed
	if len(e.operations) > 0 {
		op = e.operations[0]
	}
	gitIsBehind := op != nil && e.behind(op)
	failedOp := op.GetState() == string(view.OperationFailed) || op.GetState() == string(view.OperationCancelled)
	switch {
	case e.branch.GetPresent():
		if gitIsBehind && op.GetAction() == "uninstall" && op.GetState() == string(view.OperationSucceeded) {
			return view.PhaseRemoving, "It is removed from Git; Flux takes it away.", true
		}
		return "", "", false
	case gitIsBehind && op.GetAction() == "install" && !failedOp:
		return view.PhaseInstalling, cmp.Or(op.GetMessage(), "The Operation has begun."), true
	case e.branch == nil && len(e.objects) > 0:
		return "", "", false
	case len(e.objects) > 0:
		return view.PhaseRemoving, fmt.Sprintf("Git no longer holds it; %s is still in the cluster.", list(e.objects)), true
	}
	return "", "", true
}

// behind tells whether what was read from Git is from before an Operation did its part. A branch tells by its commits;
// one that was not there can tell only by when it was looked for.
func (e *evidence) behind(op *spinev1.OperationProgressed) bool {
	head := e.branch.GetHead()
	switch {
	case op.GetEndedAt() == nil:
		return true
	case head.GetSha() == "":
		return compareTime(e.branch.GetObservedAt(), op.GetEndedAt()) < 0
	case op.GetCommit() == "" || head.GetSha() == op.GetCommit():
		return false
	}
	for _, c := range e.branch.GetRecent() {
		if c.GetSha() == op.GetCommit() {
			return false
		}
	}
	return compareTime(head.GetCommittedAt(), op.GetCreatedAt()) < 0
}

// delivered decides whether what Git says has reached the cluster.
func (e *evidence) delivered() (view.Phase, string, bool) {
	applied := e.appliedSHA()
	desired := e.branch.GetHead().GetSha()
	moving := view.PhaseInstalling
	if applied != "" && applied != desired || e.ranBefore() {
		moving = view.PhaseUpdating
	}
	if len(e.objects) == 0 {
		return view.PhaseInstalling, "It is in Git; waiting for Flux to see it.", true
	}
	if applied == "" || desired != "" && applied != desired {
		for _, o := range e.objects {
			if o.GetFlux() != nil && o.GetHealth().GetStatus() != current {
				return moving, fmt.Sprintf("Waiting for %s: %s", name(o), reason(o)), true
			}
		}
		return moving, fmt.Sprintf("Waiting for Flux to apply commit %.7s.", desired), true
	}
	parts := 0
	for _, o := range e.objects {
		if o.GetFlux() == nil {
			continue
		}
		if k := o.GetObject().GetKind(); k == "HelmRelease" || k == "Kustomization" && !e.isRoot(o) {
			parts++
		}
		if o.GetHealth().GetStatus() != current || o.GetFlux().GetReady() != "True" {
			return moving, fmt.Sprintf("Waiting for %s: %s", name(o), reason(o)), true
		}
	}
	if parts == 0 {
		return moving, "Waiting for the Blueprint's own Flux objects.", true
	}
	return "", "", false
}

// healthy decides by the workloads.
func (e *evidence) healthy() (view.Phase, string) {
	seen := map[string]bool{}
	pods := int32(0)
	for _, o := range e.objects {
		w := o.GetWorkload()
		if w == nil {
			continue
		}
		seen[o.GetObject().GetKind()+"/"+o.GetObject().GetName()] = true
		pods += w.GetReady()
		if o.GetHealth().GetStatus() == current {
			continue
		}
		message := fmt.Sprintf("%s: %d of %d pods are ready.%s", name(o), w.GetReady(), w.GetDesired(), e.trouble(o))
		switch {
		case w.GetRolledOut():
			return view.PhaseDegraded, message
		case e.ranBefore():
			return view.PhaseUpdating, message
		default:
			return view.PhaseInstalling, message
		}
	}
	if o := e.waitsFor(); o != nil {
		message := fmt.Sprintf("Waiting for %s: %s", name(o), reason(o))
		if len(seen) > 0 {
			return view.PhaseDegraded, message
		}
		return view.PhaseInstalling, message
	}
	for _, o := range e.objects {
		for _, w := range o.GetFlux().GetWorkloads() {
			if !seen[w] {
				return view.PhaseInstalling, fmt.Sprintf("Waiting for %s to appear.", w)
			}
		}
	}
	if len(seen) == 0 {
		return view.PhaseRunning, "Everything that Git asks for is applied."
	}
	return view.PhaseRunning, fmt.Sprintf("All %d pods are ready.", pods)
}

// trouble is why a pod of a workload does not run, if one says so.
func (e *evidence) trouble(o *spinev1.ObjectObserved) string {
	workload := o.GetObject().GetKind() + "/" + o.GetObject().GetName()
	for _, p := range e.pods {
		if why := p.GetPod().GetReason(); why != "" && p.GetPod().GetWorkload() == workload {
			return fmt.Sprintf(" Pod %s: %s", p.GetObject().GetName(), sentence(strings.TrimSuffix(why+": "+p.GetPod().GetMessage(), ": ")))
		}
	}
	return ""
}

// waitsFor is the first of what Crossplane manages that is not ready.
func (e *evidence) waitsFor() *spinev1.ObjectObserved {
	for _, o := range e.objects {
		if r := o.GetResource(); r != nil && r.GetReady() != "True" {
			return o
		}
	}
	return nil
}

// ranBefore tells an update from a first install: a workload that was changed after it was made.
func (e *evidence) ranBefore() bool {
	for _, o := range e.objects {
		if o.GetWorkload() != nil && o.GetGeneration() > 1 {
			return true
		}
	}
	return false
}

// broken tells a failure that needs a person from one that passes by itself in the course of an install.
func broken(o *spinev1.ObjectObserved) bool {
	f := o.GetFlux()
	if f == nil {
		return o.GetWorkload() != nil && o.GetHealth().GetStatus() == failed
	}
	if o.GetHealth().GetStatus() == failed {
		return true
	}
	if f.GetReady() != "False" {
		return false
	}
	r := f.GetReason()
	// A Kustomization whose source has no artifact yet says ArtifactFailed, and goes on as soon as there is one.
	if o.GetObject().GetKind() == "Kustomization" && r == "ArtifactFailed" {
		return false
	}
	return strings.HasSuffix(r, "Failed") || strings.HasSuffix(r, "Error")
}

func reason(o *spinev1.ObjectObserved) string {
	text := cmp.Or(o.GetFlux().GetMessage(), o.GetResource().GetMessage(), o.GetHealth().GetMessage(), "no word from it yet")
	const longest = 400
	if r := []rune(text); len(r) > longest {
		text = string(r[:longest]) + "…"
	}
	return text
}

func name(o *spinev1.ObjectObserved) string {
	return o.GetObject().GetKind() + " " + o.GetObject().GetName()
}

func list(objects []*spinev1.ObjectObserved) string {
	if len(objects) == 1 {
		return name(objects[0])
	}
	return fmt.Sprintf("%s with %d more", name(objects[0]), len(objects)-1)
}
