package observation

import (
	"errors"
	"fmt"
	"strconv"
)

// Listing is what a complete listing of a cluster said, without an error.
type Listing struct {
	// Version is the resourceVersion at which the cluster answered.
	Version string
	Names   map[string]bool
}

// Gone decides which of the things that were known are gone: those that two complete listings lack. The second one has
// to be no older than the first and than everything that was known, for a cluster whose versions run backwards is not the
// one that was known. And where all is gone at once the second has to be newer: a source that lost its data, or may not
// show it any more, also lists nothing. Known are the versions of the missing things by their name.
//
// An error says why nothing can be decided yet; then nothing is gone.
func Gone(known map[string]string, first string, second Listing) ([]string, error) {
	now, err := strconv.ParseUint(second.Version, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the version %q of the listing is no number: what is known stays", second.Version)
	}
	before, err := strconv.ParseUint(first, 10, 64)
	if err != nil {
		return nil, errors.New("there was no first listing: what is known stays")
	}
	if now < before {
		return nil, fmt.Errorf("the listing is of version %d, an earlier one was of version %d: what is known stays", now, before)
	}
	var gone []string
	for name, version := range known {
		if v, err := strconv.ParseUint(version, 10, 64); err == nil && v > now {
			return nil, fmt.Errorf("the listing is of version %d, %s was seen at version %d: what is known stays", now, name, v)
		}
		if !second.Names[name] {
			gone = append(gone, name)
		}
	}
	if len(second.Names) == 0 && now == before {
		return nil, fmt.Errorf("the listing is empty, and nothing happened since the first one of version %d: what is known stays", before)
	}
	return gone, nil
}
