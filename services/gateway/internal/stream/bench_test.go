//go:build bench

package stream

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"catalyst.openova.io/pkg/figure"
	"catalyst.openova.io/pkg/server"
	"catalyst.openova.io/services/gateway/internal/readmodel"
)

const (
	rounds = 5
	// files is how many a process with 10,000 clients has open.
	files = 12_000
)

// TestMain runs a server or the clients of the benchmark when it is asked to: each is a process of its own, so that its
// memory and its processor time are its own.
func TestMain(m *testing.M) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < files {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: files, Max: max(files, limit.Max)}); err != nil {
			fmt.Fprintf(os.Stderr, "%d open files are needed, which root may have: %v\n", files, err)
			os.Exit(1)
		}
	}
	switch os.Getenv("CATALYST_BENCH_ROLE") {
	case "ours":
		serveOurs()
	case "bare":
		serveBare()
	case "clients":
		runClients()
	default:
		os.Exit(m.Run())
	}
}

// commands reads what to publish: `run <changes> <burst> <interval in µs>`; anything else returns memory to the system.
func commands(publish func(n int, view []byte)) {
	n := 0
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var changes, burst, interval int
		if _, err := fmt.Sscanf(in.Text(), "run %d %d %d", &changes, &burst, &interval); err != nil {
			debug.FreeOSMemory()
			fmt.Println("ok")
			continue
		}
		next := time.Now()
		for i := range changes {
			if i%burst == 0 && i > 0 {
				next = next.Add(time.Duration(interval) * time.Microsecond)
				time.Sleep(time.Until(next))
			}
			n++
			name := fmt.Sprintf("app-%d", n%1000)
			publish(n, fmt.Appendf(nil, `{"kind":"Application","organization":"acme","environment":"acme-dev","name":%q,"n":%d,"at":%d,"message":%q}`,
				name, n, time.Now().UnixNano(), strings.Repeat("x", 500)))
		}
		fmt.Println("ok")
	}
}

func listen(h http.Handler) {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() { _ = (&http.Server{Handler: h, ReadHeaderTimeout: time.Minute}).Serve(ln) }()
	fmt.Println(ln.Addr())
}

// serveOurs is the stream as it runs, with its checks of who reads. CATALYST_BENCH_PROFILE names a file for a profile.
func serveOurs() {
	if name := os.Getenv("CATALYST_BENCH_PROFILE"); name != "" {
		f, err := os.Create(name)
		if err != nil {
			panic(err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			panic(err)
		}
		defer pprof.StopCPUProfile()
	}
	store := readmodel.New("bench", 8192)
	store.MarkSynced()
	who := sees("acme")
	hub := New(store, func(*http.Request) (Reader, *server.Problem) { return who.reader(), nil }, Pace{Heartbeat: time.Hour})
	go hub.Run(context.Background())
	listen(hub)
	commands(func(_ int, v []byte) {
		parsed, err := readmodel.Parse(v)
		if err != nil {
			panic(err)
		}
		store.Put(parsed)
	})
}

// serveBare is Server-Sent Events with net/http and nothing else: no filter, no resumption, no checks.
func serveBare() {
	clients := make(chan chan []byte, 1)
	go listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		rc := http.NewResponseController(w)
		_ = rc.Flush()
		mine := make(chan []byte, 16)
		clients <- mine
		for {
			select {
			case <-r.Context().Done():
				return
			case b := <-mine:
				if _, err := w.Write(b); err != nil {
					return
				}
				_ = rc.Flush()
			}
		}
	}))
	var all []chan []byte
	commands(func(n int, v []byte) {
		for more := true; more; {
			select {
			case c := <-clients:
				all = append(all, c)
			default:
				more = false
			}
		}
		frame := fmt.Appendf(nil, "id: bench.x-%d\nevent: put\ndata: {\"key\":\"Application/acme-dev/app-%d\",\"kind\":\"Application\",\"object\":%s}\n\n", n, n%1000, v)
		for _, c := range all {
			c <- frame
		}
	})
}

// process is a server or the clients, driven through its standard input.
type process struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Scanner
}

func start(t testing.TB, cmd *exec.Cmd, role string) *process {
	t.Helper()
	cmd.Env = append(os.Environ(), "CATALYST_BENCH_ROLE="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		killed := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		killed.Stop()
	})
	return &process{t: t, cmd: cmd, in: in, out: bufio.NewScanner(out)}
}

func (p *process) line() string {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Fatalf("%v has ended", p.cmd.Args)
	}
	return p.out.Text()
}

func (p *process) ask(format string, args ...any) string {
	p.t.Helper()
	p.tell(format, args...)
	return p.line()
}

func (p *process) tell(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		p.t.Fatal(err)
	}
}

// cpu is the processor time that the process has used, the system's for it included.
func (p *process) cpu() time.Duration {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
	ticks := 0
	for _, i := range []int{11, 12} {
		n, err := strconv.Atoi(f[i])
		if err != nil {
			p.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// memory is the resident memory in KB, after what is free was given back.
func (p *process) memory() float64 {
	p.t.Helper()
	p.ask("free")
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	n, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func mercurePeer(t testing.TB) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "mercure")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, ".")
	build.Dir, build.Env = "../../bench/mercure", append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("mercure, the peer, does not build: %v\n%s", err, out)
	}
	return binary
}

// side is one of the servers that are compared, with its clients.
type side struct {
	name            string
	server, clients *process
	perClient       float64 // KB
	sent            int
}

func newSide(t testing.TB, name, binary, path string, n int) *side {
	t.Helper()
	s := &side{name: name, server: start(t, exec.Command(binary), name)}
	address := s.server.line()
	before := s.server.memory()
	s.clients = start(t, exec.Command(os.Args[0]), "clients")
	if got := s.clients.ask("connect %s %s %d", address, path, n); got != "connected" {
		t.Fatalf("%s: %s", name, got)
	}
	s.perClient = (s.server.memory() - before) / float64(n)
	return s
}

// run publishes, and returns the processor time a delivery when every client has everything.
func (s *side) run(n, changes, burst int, interval time.Duration) float64 {
	s.sent += changes
	before := s.server.cpu()
	s.server.tell("run %d %d %d", changes, burst, interval.Microseconds())
	s.clients.ask("await %d", s.sent)
	s.server.line()
	return float64((s.server.cpu() - before).Microseconds()) / float64(n*changes)
}

func TestBenchSpineFanOut(t *testing.T) {
	peer := mercurePeer(t)
	for _, n := range []int{1000, 5000, 10000} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			sides := []*side{
				newSide(t, "ours", os.Args[0], "/", n),
				newSide(t, "bare", os.Args[0], "/", n),
				newSide(t, "mercure", peer, "/.well-known/mercure?topic=https://catalyst/acme", n),
			}
			figure.Line(t, fmt.Sprintf("stream-memory-%d", n), sides[0].perClient, "KB/client",
				fmt.Sprintf("bare=%.1f,mercure=%.1f", sides[1].perClient, sides[2].perClient), "-", "<=20", sides[0].perClient <= 20)
			changes := 100_000 / n
			for _, load := range []struct {
				name     string
				burst    int
				interval time.Duration
				peer     float64
			}{
				// One change at a time, 50,000 deliveries a second: each is a write, and nine tenths of its price are the
				// system's, which mercure pays as well, so that five times as good is out of reach.
				{"paced", 1, time.Second * time.Duration(n) / 50_000, 1.5},
				// As many changes at a time as an Application makes that starts: what the tick is for.
				{"burst", 20, 20 * time.Second * time.Duration(n) / 100_000, 5},
			} {
				ratio := map[string][]float64{}
				last := map[string][]float64{}
				for round := range rounds + 1 {
					cost := map[string]float64{}
					for i := range sides {
						s := sides[(i+round)%len(sides)]
						cost[s.name] = s.run(n, max(changes, 2*load.burst), load.burst, load.interval)
					}
					if round == 0 {
						continue // to warm up
					}
					for name, c := range cost {
						ratio[name] = append(ratio[name], c/cost["ours"])
						last[name] = append(last[name], c)
					}
				}
				name := fmt.Sprintf("stream-%s-%d", load.name, n)
				mine := 1e6 / figure.Median(last["ours"])
				for _, against := range []struct {
					name   string
					target float64
				}{{"bare", 0.7}, {"mercure", load.peer}} {
					r := figure.Median(ratio[against.name])
					figure.Line(t, name, mine, "deliveries/cpu-s", fmt.Sprintf("%s=%.4g", against.name, 1e6/figure.Median(last[against.name])),
						fmt.Sprintf("%.3g", r), fmt.Sprintf(">=%g", against.target), r >= against.target)
				}
			}
		})
	}
}

// Clients that do not read cost those that do nothing.
func TestBenchSpineStalled(t *testing.T) {
	const n, stalled = 1000, 100
	s := newSide(t, "ours", os.Args[0], "/", n)
	with := newSide(t, "ours", os.Args[0], "/", n)
	var clean, beside []float64
	for round := range rounds + 1 {
		p99 := func(s *side, stalled int) float64 {
			s.clients.ask("stall %d", stalled)
			s.run(n, 1000, 1, 4*time.Millisecond)
			us, err := strconv.ParseFloat(s.clients.ask("p99"), 64)
			if err != nil {
				t.Fatal(err)
			}
			return us
		}
		a, b := p99(s, 0), p99(with, stalled)
		if round > 0 {
			clean, beside = append(clean, a), append(beside, b)
		}
	}
	ratios := make([]float64, len(clean))
	for i := range clean {
		ratios[i] = beside[i] / clean[i]
	}
	r := figure.Median(ratios)
	figure.Line(t, "stream-stalled-p99", figure.Median(beside)/1000, "ms", fmt.Sprintf("without=%.4g", figure.Median(clean)/1000),
		fmt.Sprintf("%.3g", r), "<=1.2", r <= 1.2)
	runtime.KeepAlive(s)
}
