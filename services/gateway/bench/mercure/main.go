// Command mercure serves the hub of github.com/dunglas/mercure as a peer of the stream's benchmark, which drives it
// through its standard input: `run <changes> <burst> <interval in µs>` publishes.
package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/dunglas/mercure"
	"go.uber.org/zap"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	transport := mercure.NewLocalTransport()
	hub, err := mercure.NewHub(mercure.WithTransport(transport), mercure.WithAnonymous(), mercure.WithLogger(zap.NewNop()),
		mercure.WithSubscriberJWT([]byte("!ChangeThisMercureHubJWTSecretKey!"), "HS256"),
		mercure.WithHeartbeat(0), mercure.WithWriteTimeout(0), mercure.WithDispatchTimeout(10*time.Second))
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/.well-known/mercure", hub)
	go func() { _ = (&http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}).Serve(ln) }()
	fmt.Println(ln.Addr())
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
			data := fmt.Sprintf(`{"key":"Application/acme-dev/%s","kind":"Application","object":{"kind":"Application","organization":"acme","environment":"acme-dev","name":%q,"n":%d,"at":%d,"message":%q}}`,
				name, name, n, time.Now().UnixNano(), strings.Repeat("x", 500))
			if err := transport.Dispatch(&mercure.Update{Topics: []string{"https://catalyst/acme"}, Event: mercure.Event{Data: data}}); err != nil {
				return err
			}
		}
		fmt.Println("ok")
	}
	return nil
}
