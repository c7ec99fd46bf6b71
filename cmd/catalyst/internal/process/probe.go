package process

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"catalyst.openova.io/cmd/catalyst/internal/sovereign"
	"catalyst.openova.io/cmd/catalyst/internal/step"
)

type prober struct{ client *http.Client }

func newProber() *prober {
	return &prober{&http.Client{
		Timeout: 3 * time.Second,
		Transport: &http.Transport{
			// Each part of Kubernetes makes its own certificate. Nothing is believed but that somebody answers here.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
			Proxy:           nil, MaxIdleConnsPerHost: 1, IdleConnTimeout: 30 * time.Second,
		},
	}}
}

// check asks a component how it is: its state, in words what it waits for, and whether it answers at all.
func (p *prober) check(ctx context.Context, c sovereign.Component) (state step.ComponentState, detail string, alive bool) {
	if c.Ready.URL == "" {
		return step.Up, "", true
	}
	status, body, err := p.get(ctx, c.Ready)
	if err != nil {
		return step.Starting, "", false
	}
	if status < 300 {
		return step.Up, "", true
	}
	return step.Starting, why(status, body), true
}

func (p *prober) get(ctx context.Context, probe sovereign.Probe) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, probe.URL, nil)
	if err != nil {
		return 0, nil, err
	}
	if probe.Bearer != "" {
		req.Header.Set("Authorization", "Bearer "+probe.Bearer)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	return resp.StatusCode, body, err
}

// why puts a refusal into words; our own services answer with what they wait for.
func why(status int, body []byte) string {
	var v struct {
		WaitingFor map[string]string `json:"waitingFor"`
	}
	if err := json.Unmarshal(body, &v); err != nil || len(v.WaitingFor) == 0 {
		return fmt.Sprintf("it answers %d", status)
	}
	var parts []string
	for name, reason := range v.WaitingFor {
		parts = append(parts, name+": "+reason)
	}
	slices.Sort(parts)
	s := "waits for " + strings.Join(parts, "; ")
	if r := []rune(s); len(r) > 240 {
		s = string(r[:240]) + "…"
	}
	return s
}
