package proc

import (
	"net"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestListening(t *testing.T) {
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1BB4 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000 100 0 0 10 0
   1: 0100007F:1BB4 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0000 100 0 0 10 0
   2: 0100007F:1BB5 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4713 1 0000 100 0 0 10 0
`
	if got := listening(strings.NewReader(table), 7092); !slices.Equal(got, []string{"4711"}) {
		t.Errorf("got %v", got)
	}
}

func TestListener(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() //nolint:errcheck // the test ends
	owner, ok := Listener(ln.Addr().(*net.TCPAddr).Port)
	if !ok || owner.PID != os.Getpid() || owner.Command == "" {
		t.Errorf("got %+v, %v; I am %d", owner, ok, os.Getpid())
	}
}

func TestAnonymousMemory(t *testing.T) {
	if got := parseRSSAnon(strings.NewReader("VmRSS:\t  99 kB\nRssAnon:\t    2048 kB\n")); got != 2<<20 {
		t.Errorf("got %d", got)
	}
	if AnonymousMemory(os.Getpid()) < 1<<20 {
		t.Error("this process has no memory")
	}
	if AnonymousMemory(-1) != 0 {
		t.Error("nobody has memory")
	}
}
