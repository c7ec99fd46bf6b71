package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestOpenAPI(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"openapi"}, func(string) string { return "" }, &out); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		OpenAPI string         `json:"openapi"`
		Paths   map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Paths) == 0 {
		t.Errorf("%+v, %v", doc, err)
	}
}

func TestConfigurationIsComplete(t *testing.T) {
	err := run(t.Context(), nil, func(string) string { return "" }, nil)
	if err == nil || !strings.Contains(err.Error(), "CATALYST_GITEA_TOKEN") {
		t.Errorf("got %v", err)
	}
	if err := run(t.Context(), []string{"nonsense"}, nil, nil); err == nil {
		t.Error("an unknown argument was accepted")
	}
}
