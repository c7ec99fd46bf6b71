package score

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func askProbes(m *manifests, _ Subject, a *asked) {
	for _, w := range m.workloads {
		if !w.serves() {
			continue
		}
		for _, c := range w.containers {
			if c.init && str(c.object, "restartPolicy") != "Always" {
				continue
			}
			a.want(at(c.object, "readinessProbe") != nil, c.name, "does not say when it is ready", "set a readiness probe")
			a.want(at(c.object, "livenessProbe") != nil, c.name, "does not say whether it is alive", "set a liveness probe")
		}
	}
}

func askResources(m *manifests, _ Subject, a *asked) {
	for _, w := range m.workloads {
		for _, c := range w.containers {
			a.want(value(c.object, "resources", "requests", "cpu") != nil, c.name, "does not say how much CPU it needs", "set resources.requests.cpu")
			a.want(value(c.object, "resources", "requests", "memory") != nil || value(c.object, "resources", "limits", "memory") != nil, c.name, "does not say how much memory it needs", "set resources.requests.memory")
			a.want(value(c.object, "resources", "limits", "memory") != nil, c.name, "may take all memory of its node", "set resources.limits.memory")
		}
	}
}

// enough is how many replicas an Environment of a type asks for; other types ask for none.
var enough = map[string]int{"prod": 2, "uat": 1, "stg": 1}

func askReplicas(m *manifests, s Subject, a *asked) {
	least, ok := enough[s.EnvType]
	if !ok {
		return
	}
	for _, w := range m.workloads {
		if w.scales() {
			n := m.replicas(&w)
			a.want(n >= least, w.name, "has "+strconv.Itoa(n)+" of at least "+strconv.Itoa(least)+" replicas in "+s.EnvType, "run "+strconv.Itoa(least)+" replicas")
		}
	}
}

// meant is how many replicas a workload has, or should have, so that what depends on the number is asked at once.
func (m *manifests) meant(w *workload, s Subject) int {
	if !w.scales() {
		return 0
	}
	return max(m.replicas(w), enough[s.EnvType])
}

func askDisruptionBudget(m *manifests, s Subject, a *asked) {
	for _, w := range m.workloads {
		n := m.meant(&w, s)
		if n < 2 {
			continue
		}
		budgets := m.selecting("PodDisruptionBudget", &w, "spec", "selector")
		if len(budgets) == 0 {
			a.want(false, w.name, "may lose all replicas to maintenance at once", "add a PodDisruptionBudget")
			continue
		}
		stuck := slices.ContainsFunc(budgets, func(b object) bool { return !disrupts(b, n) })
		a.want(!stuck, w.name, "has a PodDisruptionBudget that lets no replica go, so no node can be maintained", "let the PodDisruptionBudget spare one replica")
	}
}

// disrupts is true for a budget that spares at least one of so many replicas.
func disrupts(budget object, replicas int) bool {
	if v := value(budget, "spec", "maxUnavailable"); v != nil {
		return amount(v, replicas, true) > 0
	}
	if v := value(budget, "spec", "minAvailable"); v != nil {
		return amount(v, replicas, true) < replicas
	}
	return false
}

// amount is a number, or a percentage of a number.
func amount(v any, of int, up bool) int {
	if n, ok := number(v); ok {
		return n
	}
	s, _ := v.(string)
	percent, err := strconv.Atoi(strings.TrimSuffix(s, "%"))
	if err != nil || !strings.HasSuffix(s, "%") {
		return 0
	}
	if up {
		return (percent*of + 99) / 100
	}
	return percent * of / 100
}

func askTopologySpread(m *manifests, s Subject, a *asked) {
	for _, w := range m.workloads {
		if m.meant(&w, s) >= 2 {
			spread := len(list(w.template, "spec", "topologySpreadConstraints")) > 0 || at(w.template, "spec", "affinity", "podAntiAffinity") != nil
			a.want(spread, w.name, "may run with all replicas on one node", "set topologySpreadConstraints")
		}
	}
}

func askSecurityContext(m *manifests, _ Subject, a *asked) {
	for _, w := range m.workloads {
		pod := at(w.template, "spec")
		for _, c := range w.containers {
			own := at(c.object, "securityContext")
			inherited := at(pod, "securityContext")
			nonRoot := truth(own, "runAsNonRoot") || value(own, "runAsNonRoot") == nil && truth(inherited, "runAsNonRoot")
			a.want(nonRoot, c.name, "may run as root", "set securityContext.runAsNonRoot: true")
			a.want(isFalse(own, "allowPrivilegeEscalation") && !truth(own, "privileged"), c.name, "may gain rights", "set securityContext.allowPrivilegeEscalation: false, and not privileged")
			a.want(truth(own, "readOnlyRootFilesystem"), c.name, "may write its own file system", "set securityContext.readOnlyRootFilesystem: true")
			a.want(slices.Contains(list(own, "capabilities", "drop"), any("ALL")), c.name, "keeps capabilities of the kernel", "drop ALL in securityContext.capabilities")
			profile := cmp.Or(str(own, "seccompProfile", "type"), str(inherited, "seccompProfile", "type"))
			a.want(profile == "RuntimeDefault" || profile == "Localhost", c.name, "may make any system call", "set securityContext.seccompProfile.type: RuntimeDefault")
		}
		host := truth(pod, "hostNetwork") || truth(pod, "hostPID") || truth(pod, "hostIPC")
		a.want(!host, w.name, "shares its node's network or processes", "leave out hostNetwork, hostPID and hostIPC")
	}
}

var byDigest = regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)

func askImageDigest(m *manifests, _ Subject, a *asked) {
	for _, w := range m.workloads {
		for _, c := range w.containers {
			image := str(c.object, "image")
			a.want(byDigest.MatchString(image), c.name, "runs "+cmp.Or(image, "no image")+", which can change under its tag", "name the image by @sha256:…")
		}
	}
}

func askNetworkPolicy(m *manifests, _ Subject, a *asked) {
	for _, w := range m.workloads {
		if w.serves() {
			a.want(len(m.selecting("NetworkPolicy", &w, "spec", "podSelector")) > 0, w.name, "can be reached by every pod", "add a NetworkPolicy for its pods")
		}
	}
}

// backupLabel says, on an object, by what it is backed up when the manifests do not show it otherwise.
const backupLabel = "catalyst.openova.io/backup"

// backups are the kinds of objects that back up what is in their namespace.
var backups = []string{"Schedule", "ScheduledBackup", "BackupSchedule", "ReplicationSource"}

func askBackup(m *manifests, _ Subject, a *asked) {
	for _, w := range m.workloads {
		if !holdsData(&w) {
			continue
		}
		named := str(w.object, "metadata", "labels", backupLabel) != "" || str(w.object, "metadata", "annotations", backupLabel) != "" ||
			str(w.template, "metadata", "annotations", "backup.velero.io/backup-volumes") != ""
		scheduled := slices.ContainsFunc(m.all, func(o object) bool {
			return slices.Contains(backups, str(o, "kind")) && sameNamespace(o, w.object)
		})
		a.want(named || scheduled, w.name, "holds data that nothing backs up", "add a backup schedule, or the label "+backupLabel)
	}
}

func holdsData(w *workload) bool {
	if len(list(w.object, "spec", "volumeClaimTemplates")) > 0 {
		return true
	}
	return slices.ContainsFunc(list(w.template, "spec", "volumes"), func(v any) bool { return value(mapOf(v), "persistentVolumeClaim") != nil })
}

func askUpdateStrategy(m *manifests, s Subject, a *asked) {
	for _, w := range m.workloads {
		switch w.kind() {
		case "Deployment":
			kind := cmp.Or(str(w.object, "spec", "strategy", "type"), "RollingUpdate")
			if kind == "Recreate" && holdsData(&w) {
				continue // two pods may not share its volume
			}
			if kind != "RollingUpdate" {
				a.want(false, w.name, "stops every replica before an update", "set strategy.type: RollingUpdate")
				continue
			}
			n := max(1, m.meant(&w, s))
			most := value(w.object, "spec", "strategy", "rollingUpdate", "maxUnavailable")
			a.want(most == nil || amount(most, n, false) < n, w.name, "may lose every replica during an update", "lower strategy.rollingUpdate.maxUnavailable")
		case "StatefulSet", "DaemonSet":
			kind := cmp.Or(str(w.object, "spec", "updateStrategy", "type"), "RollingUpdate")
			a.want(kind == "RollingUpdate", w.name, "is updated only when somebody deletes its pods", "set updateStrategy.type: RollingUpdate")
		}
	}
}
