package sovereign

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// Component is one process of the Sovereign as the supervisor tells it.
type Component struct {
	Name        string `json:"name"`
	State       string `json:"state"`
	PID         int    `json:"pid"`
	Restarts    int    `json:"restarts"`
	MemoryBytes int64  `json:"memoryBytes"`
}

// Components lists the processes. It asks the gateway, and goes on asking while the gateway is away.
func (s *Sovereign) Components(t testing.TB) []Component {
	t.Helper()
	var status struct {
		Components []Component `json:"components"`
	}
	Eventually(t, 30*time.Second, func() error {
		res, err := http.Get(s.URL + "/api/v1/bootstrap")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("bootstrap: %s", res.Status)
		}
		return json.NewDecoder(res.Body).Decode(&status)
	})
	return status.Components
}
