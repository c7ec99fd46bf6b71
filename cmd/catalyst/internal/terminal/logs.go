package terminal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// LogFile is a log to show, with what to write before each line.
type LogFile struct{ Path, Prefix string }

// Logs writes the last lines of each file, and then what is added to them until ctx ends, if follow is set.
func Logs(ctx context.Context, out io.Writer, files []LogFile, lines int, follow bool) error {
	at := make([]int64, len(files))
	for i, f := range files {
		b, err := os.ReadFile(f.Path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		at[i] = int64(len(b))
		write(out, f.Prefix, lastLines(b, lines))
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for follow {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for i, f := range files {
			at[i] = more(out, f, at[i])
		}
	}
	return nil
}

// more writes the whole lines that came after position at, and returns the position after them.
func more(out io.Writer, f LogFile, at int64) int64 {
	file, err := os.Open(f.Path)
	if err != nil {
		return at
	}
	defer file.Close() //nolint:errcheck // only read
	if info, err := file.Stat(); err == nil && info.Size() < at {
		at = 0 // it was put aside and began anew
	}
	if _, err := file.Seek(at, io.SeekStart); err != nil {
		return at
	}
	b, err := io.ReadAll(io.LimitReader(file, 1<<20))
	if err != nil {
		return at
	}
	end := bytes.LastIndexByte(b, '\n') + 1
	write(out, f.Prefix, b[:end])
	return at + int64(end)
}

func lastLines(b []byte, n int) []byte {
	end := len(b)
	if end > 0 && b[end-1] == '\n' {
		end--
	}
	for i := end - 1; i >= 0; i-- {
		if b[i] == '\n' {
			if n--; n == 0 {
				return b[i+1:]
			}
		}
	}
	return b
}

func write(out io.Writer, prefix string, b []byte) {
	for line := range bytes.Lines(b) {
		fmt.Fprintf(out, "%s%s\n", prefix, bytes.TrimSuffix(line, []byte("\n")))
	}
}
