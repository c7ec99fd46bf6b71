package policy

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time as people write it: 90m, 72h, 3d, 2w, 1d12h. A day is 24 hours, whatever clocks do.
type Duration time.Duration

const longest = 366 * 24 * time.Hour

var units = []struct {
	letter string
	length time.Duration
}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

// ParseDuration reads whole numbers with the units w, d, h, m and s, from the largest to the smallest.
func ParseDuration(s string) (Duration, error) {
	wrong := errors.New("must be a duration such as 90m, 72h, 3d or 1d12h")
	if s == "" || len(s) > 30 {
		return 0, wrong
	}
	var total time.Duration
	rest := s
	for _, u := range units {
		digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
		if digits == "" || !strings.HasPrefix(rest[len(digits):], u.letter) {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 32)
		if err != nil || time.Duration(n) > longest/u.length {
			return 0, errors.New("must be at most a year")
		}
		total += time.Duration(n) * u.length
		rest = rest[len(digits)+1:]
	}
	if rest != "" {
		return 0, wrong
	}
	if total > longest {
		return 0, errors.New("must be at most a year")
	}
	return Duration(total), nil
}

// String writes the duration with units that ParseDuration reads.
func (d Duration) String() string {
	rest := time.Duration(d)
	if rest <= 0 {
		return "0s"
	}
	out := ""
	for _, u := range units {
		if u.letter == "w" || u.letter == "d" && rest%u.length != 0 {
			continue
		}
		if n := rest / u.length; n > 0 {
			out += strconv.FormatInt(int64(n), 10) + u.letter
			rest -= n * u.length
		}
	}
	return out
}

// MarshalJSON writes it as the text of the document.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads that text.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := ParseDuration(s)
	*d = v
	return err
}
