package sovereign

import (
	"fmt"
	"path/filepath"
)

func cluster(s Settings, sec *Secrets, bin Binaries) []Component {
	kubestack := filepath.Join(bin.Cluster, "kubestack")
	part := func(name, title string, port int, args ...string) Component {
		return Component{Name: name, Title: title, Port: port + s.PortOffset, Binary: kubestack, Args: append([]string{name}, args...)}
	}
	withKubeconfig := func(name, title string, port int, args ...string) Component {
		// Without a kubeconfig for authentication nobody but the health probe gets in, and no client CA is looked for.
		c := part(name, title, port, append([]string{
			"--kubeconfig=" + s.KubeconfigOf(name),
			"--leader-elect=false", "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port+s.PortOffset),
			"--cert-dir=" + s.File("kube", name), "--profiling=false",
			"--kube-api-qps=200", "--kube-api-burst=400",
		}, args...)...)
		c.After = []string{"apiserver"}
		c.Ready = Probe{URL: fmt.Sprintf("https://%s/healthz", s.addr(port))}
		return c
	}
	etcd := part("etcd", "etcd", portEtcd, etcdArgs(s)...)
	etcd.Ready = Probe{URL: s.http(portEtcd) + "/health"}
	api := part("apiserver", "Kubernetes API server", portAPIServer, apiserverArgs(s)...)
	api.After = []string{"etcd"}
	api.Ready = Probe{URL: s.APIServerURL() + "/readyz", Bearer: sec.Kube["bootstrap"]}
	// No node lease: after a kill the next kwok would wait for it to run out. The node's status is its heartbeat.
	kwok := part("kwok", "kwok (simulates the node and its pods)", portKwok,
		"--kubeconfig="+s.KubeconfigOf("kwok"), "--config="+filepath.Join(bin.Cluster, "stages.yaml"),
		"--manage-all-nodes=true", "--node-lease-duration-seconds=0", "--cidr=10.241.0.0/24", "--server-address="+s.addr(portKwok))
	kwok.After = []string{"apiserver"}
	kwok.Ready = Probe{URL: s.http(portKwok) + "/healthz"}
	return []Component{
		etcd, api,
		withKubeconfig("controller-manager", "Kubernetes controller manager", portControllerManager,
			"--service-account-private-key-file="+s.File("keys", "sa.key"), "--root-ca-file="+s.File("keys", "apiserver.crt"),
			"--use-service-account-credentials=false",
			"--controllers=*,-persistentvolume-attach-detach-controller,-persistentvolume-expander-controller,-ephemeral-volume-controller,"+
				"-node-ipam-controller,-node-route-controller,-service-lb-controller,-cloud-node-lifecycle-controller,"+
				"-certificatesigningrequest-signing-controller,-certificatesigningrequest-approving-controller,-certificatesigningrequest-cleaner-controller,"+
				"-bootstrap-signer-controller,-token-cleaner-controller,-resourceclaim-controller,-device-taint-eviction-controller"),
		withKubeconfig("scheduler", "Kubernetes scheduler", portScheduler),
		kwok,
	}
}

func etcdArgs(s Settings) []string {
	client, peer := s.http(portEtcd), s.http(portEtcdPeer)
	return []string{
		"--name=n1", "--data-dir=" + s.File("etcd"), "--log-level=warn",
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=n1=" + peer,
		"--auto-compaction-mode=periodic", "--auto-compaction-retention=1h", "--quota-backend-bytes=2147483648",
	}
}

func apiserverArgs(s Settings) []string {
	key := func(name string) string { return s.File("keys", name) }
	return []string{
		"--etcd-servers=" + s.http(portEtcd), "--etcd-prefix=/registry1",
		fmt.Sprintf("--secure-port=%d", portAPIServer+s.PortOffset), "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
		"--cert-dir=" + s.File("kube", "apiserver"), "--tls-cert-file=" + key("apiserver.crt"), "--tls-private-key-file=" + key("apiserver.key"),
		"--service-cluster-ip-range=10.1.0.0/24", "--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + key("sa.pub"), "--service-account-signing-key-file=" + key("sa.key"),
		"--token-auth-file=" + key("tokens.csv"), "--authorization-mode=RBAC", "--anonymous-auth=false",
		"--endpoint-reconciler-type=none", "--allow-privileged=true", "--profiling=false", "--event-ttl=1h",
		"--shutdown-delay-duration=0s", "--shutdown-watch-termination-grace-period=0s",
	}
}

// flux are the controllers that make Git real. They run outside of the cluster and find it by KUBECONFIG. There is no
// --events-addr: one on which nobody listens blocks each reconcile, and the observer watches the objects instead.
func flux(s Settings, bin Binaries) []Component {
	controller := func(name string, metrics, health int, args ...string) Component {
		c := Component{
			Name: name, Title: "Flux " + name, Port: metrics + s.PortOffset, Binary: filepath.Join(bin.Cluster, name),
			Args: append([]string{
				"--watch-all-namespaces=true", "--metrics-addr=" + s.addr(metrics), "--health-addr=" + s.addr(health),
				"--log-level=info", "--kube-api-qps=200", "--kube-api-burst=400", "--min-retry-delay=250ms", "--max-retry-delay=1m",
				"--requeue-dependency=1s",
			}, args...),
			Env:   map[string]string{"RUNTIME_NAMESPACE": "flux-system", "KUBECONFIG": s.KubeconfigOf("flux")},
			Ready: Probe{URL: s.http(health) + "/readyz"},
		}
		if s.Simulated() {
			c.After = []string{"apiserver"}
		}
		return c
	}
	// What an Organization writes refers to nothing outside its namespace, and is applied as an account of that namespace
	// also where it names none.
	lockdown := []string{"--no-cross-namespace-refs=true", "--default-service-account=flux"}
	return []Component{
		controller("source-controller", portSource, portSourceHealth,
			"--concurrent=4", "--storage-addr="+s.addr(portSourceStorage), "--storage-adv-addr="+s.addr(portSourceStorage),
			"--storage-path="+s.ArtifactsDir()),
		controller("kustomize-controller", portKustomize, portKustomizeHealth, append(lockdown, "--concurrent=8", "--no-remote-bases=true")...),
		controller("helm-controller", portHelm, portHelmHealth, append(lockdown, "--concurrent=4")...),
	}
}

// ArtifactsDir is where source-controller keeps what it fetched; it must exist.
func (s Settings) ArtifactsDir() string { return s.File("flux", "artifacts") }
