//go:build bench

package stream

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// crowd is the clients of the benchmark: connections that count events.
type crowd struct {
	address, path string
	events        []atomic.Int64 // by client
	base          []int64
	stalled       []net.Conn

	mu        sync.Mutex
	latencies []time.Duration
}

func runClients() {
	c := &crowd{}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var n int
		switch line := in.Text(); {
		case scan(line, "connect %s %s %d", &c.address, &c.path, &n):
			c.connect(n)
			fmt.Println("connected")
		case scan(line, "await %d", &n):
			c.await(int64(n))
			fmt.Println("ok")
		case scan(line, "stall %d", &n):
			c.stall(n)
			fmt.Println("ok")
		default:
			fmt.Println(c.p99().Microseconds())
		}
	}
}

func scan(line, format string, to ...any) bool {
	n, err := fmt.Sscanf(line, format, to...)
	return err == nil && n == len(to)
}

func (c *crowd) dial() net.Conn {
	conn, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(context.Background(), "tcp", c.address)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n", c.path)
	return conn
}

func (c *crowd) connect(n int) {
	c.events, c.base = make([]atomic.Int64, n), make([]int64, n)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 64)
	for i := range n {
		slots <- struct{}{}
		conn := c.dial()
		wg.Add(1)
		go func() {
			head := make([]byte, 16<<10)
			k, err := conn.Read(head)
			if err != nil || !bytes.Contains(head[:k], []byte(" 200 OK")) {
				panic(fmt.Sprint(err, string(head[:k])))
			}
			<-slots
			wg.Done()
			c.read(i, conn, i%20 == 0)
		}()
	}
	wg.Wait()
	time.Sleep(2 * time.Second) // the rest of the snapshot, which counts for nothing
	for i := range c.events {
		c.base[i] = c.events[i].Load()
	}
}

// read counts the events of a client, and of some clients notes how old they are.
func (c *crowd) read(i int, conn net.Conn, timed bool) {
	b := make([]byte, 64<<10)
	var last byte
	at := []byte(`"at":`)
	for {
		n, err := conn.Read(b)
		if err != nil {
			panic(fmt.Sprintf("client %d: %v", i, err))
		}
		part := b[:n]
		if timed {
			for rest := part; ; {
				k := bytes.Index(rest, at)
				if k < 0 || len(rest) < k+24 {
					break
				}
				if nanos, err := strconv.ParseInt(string(rest[k+5:k+24]), 10, 64); err == nil {
					c.mu.Lock()
					c.latencies = append(c.latencies, time.Since(time.Unix(0, nanos)))
					c.mu.Unlock()
				}
				rest = rest[k+24:]
			}
		}
		events := bytes.Count(part, []byte("\n\n"))
		if last == '\n' && part[0] == '\n' {
			events++
		}
		last = part[n-1]
		c.events[i].Add(int64(events))
	}
}

// await waits until every client has had so many events since it was connected.
func (c *crowd) await(n int64) {
	deadline := time.Now().Add(time.Minute)
	for i := range c.events {
		for c.events[i].Load()-c.base[i] < n {
			if time.Now().After(deadline) {
				panic(fmt.Sprintf("client %d has %d of %d events", i, c.events[i].Load()-c.base[i], n))
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// stall makes sure that so many clients are connected that never read.
func (c *crowd) stall(n int) {
	for _, conn := range c.stalled {
		conn.Close()
	}
	c.stalled = c.stalled[:0]
	for range n {
		conn := c.dial()
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(4 << 10)
		}
		c.stalled = append(c.stalled, conn)
	}
	c.p99()
}

func (c *crowd) p99() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.latencies = nil }()
	if len(c.latencies) == 0 {
		return 0
	}
	slices.Sort(c.latencies)
	return c.latencies[len(c.latencies)*99/100]
}
