package artifact

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// file is one file of a folder, its path relative and slash separated.
type file struct {
	path string
	data []byte
}

// pack writes files, sorted by path and without anything of this machine or moment, as a gzipped tar.
func pack(files []file, prefix string) ([]byte, error) {
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, func(a, b file) int { return strings.Compare(a.path, b.path) })
	var out bytes.Buffer
	zw, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	tw := tar.NewWriter(zw)
	for _, f := range sorted {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: path.Join(prefix, f.path), Size: int64(len(f.data)), Mode: 0o644,
			ModTime: time.Unix(0, 0).UTC(), Format: tar.FormatPAX,
		}
		if err := tw.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := tw.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unpack reads a gzipped tar that anybody may have made and hands each file to visit. It refuses paths that lead
// outside, links, devices, the same path twice, and more than the limits; nothing is written anywhere.
func unpack(layer io.Reader, visit func(name string, content io.Reader) error) error {
	zr, err := gzip.NewReader(layer)
	if err != nil {
		return refuse("has a layer that is not gzip")
	}
	bounded := &io.LimitedReader{R: zr, N: MaxContentSize + 1}
	tr := tar.NewReader(bounded)
	seen := map[string]bool{}
	for {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return drain(bounded)
		}
		if err != nil {
			return unpackError(bounded, err)
		}
		if header.Typeflag == tar.TypeDir {
			if err := checkPath(strings.TrimSuffix(header.Name, "/")); err != nil {
				return err
			}
			continue
		}
		if header.Typeflag != tar.TypeReg {
			return refuse("contains %q, which is a link or a device; only files are allowed", quoted(header.Name))
		}
		if err := checkPath(header.Name); err != nil {
			return err
		}
		if seen[header.Name] {
			return refuse("contains %q twice", quoted(header.Name))
		}
		if seen[header.Name] = true; len(seen) > MaxFiles {
			return refuse("contains more than %d files", MaxFiles)
		}
		if header.Size > MaxContentSize {
			return refuse("unpacks to more than %d MiB", MaxContentSize>>20)
		}
		if err := visit(header.Name, tr); err != nil {
			return unpackError(bounded, err)
		}
	}
}

// drain makes sure that nothing large hides behind the end of the tar.
func drain(bounded *io.LimitedReader) error {
	if _, err := io.Copy(io.Discard, bounded); err != nil {
		return unpackError(bounded, err)
	}
	if bounded.N <= 0 {
		return unpackError(bounded, io.ErrUnexpectedEOF)
	}
	return nil
}

func unpackError(bounded *io.LimitedReader, err error) error {
	var own *RefusedError
	switch {
	case bounded.N <= 0:
		return refuse("unpacks to more than %d MiB", MaxContentSize>>20)
	case errors.As(err, &own):
		return err
	default:
		return refuse("has a layer that cannot be unpacked: %s", err)
	}
}

func checkPath(name string) error {
	switch {
	case name == "", path.IsAbs(name), strings.HasPrefix(name, "../"), name == "..", path.Clean(name) != name, strings.ContainsAny(name, `\:`):
		return refuse("contains the path %q, which could lead outside its folder", quoted(name))
	case len(name) > 255 || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return refuse("contains the path %q, which is too long or not plain text", quoted(name))
	}
	return nil
}

func quoted(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}
