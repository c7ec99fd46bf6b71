package stream

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// sendBuffer bounds what the kernel holds for a client that does not read.
const sendBuffer = 128 << 10

// wire is a way to a client that waits until it has taken what is written, or has lost its patience.
type wire interface {
	write(b []byte) error
}

// response writes through net/http, as HTTP/2 and TLS need it.
type response struct {
	w        http.ResponseWriter
	rc       *http.ResponseController
	patience time.Duration
}

func (o *response) write(b []byte) error {
	if err := o.rc.SetWriteDeadline(time.Now().Add(o.patience)); err != nil {
		return err
	}
	if _, err := o.w.Write(b); err != nil {
		return err
	}
	return o.rc.Flush()
}

// direct is a connection of HTTP/1.1 that was taken over from net/http, so that it holds neither buffers nor a
// goroutine. Its writers are the shard that the client is in, or else the one goroutine that lets it catch up.
type direct struct {
	net.Conn
	raw      syscall.RawConn
	patience time.Duration

	// Of one attempt to write: attempt is made once, so that a write allocates nothing.
	attempt func(fd uintptr) bool
	out     []byte
	n       int
	err     error
}

// takeOver takes the connection of a request over and sends the head of the answer. The body ends with the connection.
func takeOver(w http.ResponseWriter, patience time.Duration) (*direct, bool) {
	header := w.Header()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, false
	}
	d := &direct{Conn: conn, patience: patience}
	d.attempt = d.tryOnce
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Should they fail, the system's own limits hold.
		_ = tcp.SetWriteBuffer(sendBuffer)
	}
	if s, ok := conn.(syscall.Conn); ok {
		d.raw, _ = s.SyscallConn() // without it every write waits, in a goroutine of its own
	}
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 200 OK\r\n")
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	header.Set("Connection", "close")
	_ = header.Write(&head) // to memory
	head.WriteString("\r\n")
	if err := conn.SetDeadline(time.Time{}); err == nil {
		_ = d.write(head.Bytes()) // a client that is gone shows with the next write as well
	}
	return d, true
}

// write waits until all is written.
func (d *direct) write(b []byte) error {
	if err := d.SetWriteDeadline(time.Now().Add(d.patience)); err != nil {
		return err
	}
	if _, err := d.Write(b); err != nil {
		return err
	}
	return d.SetWriteDeadline(time.Time{})
}

// try writes as much as the connection takes without waiting.
func (d *direct) try(b []byte) (int, error) {
	if d.raw == nil {
		return 0, nil
	}
	d.out, d.n, d.err = b, 0, nil
	err := d.raw.Write(d.attempt)
	d.out = nil
	if err == nil {
		err = d.err
	}
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		err = nil
	}
	return max(d.n, 0), err
}

func (d *direct) tryOnce(fd uintptr) bool {
	d.n, d.err = syscall.Write(int(fd), d.out)
	return true
}

// alive tells whether the client is still there, without waiting. What a client sends after its request means nothing.
func (d *direct) alive() bool {
	if d.raw == nil {
		return true
	}
	var n int
	var result error
	err := d.raw.Read(func(fd uintptr) bool {
		var b [256]byte
		n, _, result = syscall.Recvfrom(int(fd), b[:], syscall.MSG_DONTWAIT)
		return true
	})
	switch {
	case err != nil:
		return false
	case result != nil:
		return errors.Is(result, syscall.EAGAIN) || errors.Is(result, syscall.EINTR)
	default:
		return n > 0
	}
}

// cut ends the connection at once. What was not sent is thrown away: a client that is cut off comes back.
func (d *direct) cut() {
	if tcp, ok := d.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // then it ends a little later
	}
	_ = d.Close() // there is nothing left to lose
}

var errCut = errors.Join(io.ErrClosedPipe, errors.New("the stream was ended"))
