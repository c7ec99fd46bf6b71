package operation

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"catalyst.openova.io/pkg/blueprint/resolve"
)

// MaxName is the longest name of an Application. With what Flux and Kubernetes add to it, it stays a DNS label.
const MaxName = 40

var (
	label = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
	// reserved are names of repositories and objects that Catalyst itself keeps in an Organization or Environment.
	reserved = []string{"shared-blueprints", "catalog", "system", "catalyst", "flux", "default", "kubernetes"}
	// An Application X owns objects named X-blueprint and X-values, so no other Application may be called that.
	reservedSuffixes = []string{"-blueprint", "-values", "-values-overlay", "-dependencies", "-binding"}
	reservedPrefixes = []string{"catalyst-", "kube-"}
)

// CheckName refuses what cannot be the name of an Application, and suggests what can.
func CheckName(name string) error {
	why := ""
	switch {
	case name == "":
		why = "An Application needs a name."
	case len(name) > MaxName:
		why = "The name is too long: at most " + strconv.Itoa(MaxName) + " characters are allowed."
	case !label.MatchString(name):
		why = "A name has lower-case letters, digits and dashes, begins with a letter and does not end with a dash."
	case isReserved(name):
		why = "The name " + name + " is reserved for what Catalyst keeps there itself."
	default:
		return nil
	}
	return &Error{Code: CodeInvalidName, Message: why, Suggestion: SuggestName(name, nil),
		Fields: []Field{{Pointer: "/name", Message: why}}}
}

// wellFormed is true for what the name of an Application may be that is there already. Those that were made for others
// have longer names.
func wellFormed(name string) bool { return len(name) <= resolve.MaxName && label.MatchString(name) }

func isReserved(name string) bool {
	return slices.Contains(reserved, name) ||
		slices.ContainsFunc(reservedSuffixes, func(s string) bool { return strings.HasSuffix(name, s) }) ||
		slices.ContainsFunc(reservedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// SuggestName returns a name close to the given one that is valid and not among those taken.
func SuggestName(name string, taken []string) string {
	if len(name) <= MaxName && label.MatchString(name) && !isReserved(name) && !slices.Contains(taken, name) {
		return name
	}
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if b.Len() > 4*MaxName {
			break
		}
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			b.WriteRune(r)
		} else if b.Len() > 0 && !strings.HasSuffix(b.String(), "-") {
			b.WriteByte('-')
		}
	}
	base := b.String()
	if base == "" || base[0] < 'a' {
		base = "app-" + base
	}
	for _, p := range reservedPrefixes {
		if strings.HasPrefix(base, p) {
			base = "my-" + base
		}
	}
	for n := 1; ; n++ {
		suffix := ""
		switch {
		case n > 1:
			suffix = "-" + strconv.Itoa(n)
		case isReserved(strings.Trim(base[:min(len(base), MaxName)], "-")):
			suffix = "-app"
		}
		candidate := strings.TrimRight(base[:min(len(base), MaxName-len(suffix))], "-") + suffix
		if !slices.Contains(taken, candidate) && label.MatchString(candidate) && !isReserved(candidate) {
			return candidate
		}
	}
}
