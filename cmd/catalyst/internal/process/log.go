package process

import (
	"io"
	"os"
	"path/filepath"
	"sync"
)

// MaxLog is the size at which a log is put aside as <name>.1, replacing the one before.
const MaxLog = 8 << 20

// Log is a file that is put aside when it has grown. It is safe for concurrent use.
type Log struct {
	path string
	max  int64

	mu   sync.Mutex
	file *os.File
	size int64
}

// OpenLog opens a log for appending.
func OpenLog(path string, maxSize int64) (*Log, error) {
	l := &Log{path: path, max: maxSize}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return l, l.open()
}

func (l *Log) open() error {
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write implements io.Writer.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size+int64(len(b)) > l.max && l.size > 0 {
		if err := l.file.Close(); err != nil {
			return 0, err
		}
		if err := os.Rename(l.path, l.path+".1"); err != nil {
			return 0, err
		}
		if err := l.open(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(b)
	l.size += int64(n)
	return n, err
}

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// Lossy is a writer that never fails: a component goes on running although its output cannot be kept.
func Lossy(l *Log) io.Writer { return lossy{l} }

type lossy struct{ *Log }

func (l lossy) Write(b []byte) (int, error) {
	l.Log.Write(b) //nolint:errcheck // see Lossy
	return len(b), nil
}
