package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
)

func TestOpenAPI(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), []string{"openapi"}, func(string) string { return "" }, &out); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || doc.OpenAPI != "3.1.0" || len(doc.Paths) != 3 {
		t.Errorf("%v %+v", err, doc)
	}
}

func TestConfig(t *testing.T) {
	err := run(context.Background(), nil, func(string) string { return "" }, nil)
	if err == nil || !strings.Contains(err.Error(), "set CATALYST_ISSUER_URL, CATALYST_REGISTRY, CATALYST_SIGNING_PUBLIC_KEY_FILE") {
		t.Errorf("got %v", err)
	}
	env := map[string]string{"CATALYST_ISSUER_URL": "x", "CATALYST_REGISTRY": "no url", "CATALYST_SIGNING_PUBLIC_KEY_FILE": "x"}
	if err := run(context.Background(), nil, func(k string) string { return env[k] }, nil); err == nil || !strings.Contains(err.Error(), "CATALYST_REGISTRY") {
		t.Errorf("got %v", err)
	}
}
