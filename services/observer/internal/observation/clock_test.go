package observation

import "time"

// timeAfterBackoff lets the fake clock pass the longest pause.
func timeAfterBackoff() { <-time.After(3 * time.Second) }
