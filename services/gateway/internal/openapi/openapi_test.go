package openapi

import (
	"encoding/json"
	"strings"
	"testing"
)

const base = `{"info":{"title":"Catalyst"},"paths":{"/a":{"get":{"operationId":"a"}}},"components":{"schemas":{
	"Problem":{"type":"object"},"Blueprint":{"type":"object","properties":{"name":{}}}}}}`

func TestMerge(t *testing.T) {
	catalog := `{"info":{"title":"Catalyst catalog"},"paths":{"/a":{"post":{"operationId":"b"}},"/b":{"get":{"x":{"$ref":"#/components/schemas/Blueprint"}}}},
		"components":{"schemas":{"Problem":{"type":"object"},"Blueprint":{"type":"string"},"List":{"items":[{"$ref":"#/components/schemas/Blueprint"}]}}}}`
	got, err := Merge([]byte(base), []byte(catalog))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths      map[string]map[string]any
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(got, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Paths["/a"]) != 2 || len(doc.Paths) != 2 || len(doc.Components.Schemas) != 4 {
		t.Errorf("%s", got)
	}
	if n := strings.Count(string(got), `"#/components/schemas/CatalogBlueprint"`); n != 2 || strings.Contains(string(got), `"#/components/schemas/Blueprint"`) {
		t.Errorf("%d references to the renamed schema: %s", n, got)
	}
	again, err := Merge([]byte(base), []byte(catalog))
	if err != nil || string(again) != string(got) {
		t.Errorf("merging again gives something else: %v", err)
	}
}

// A schema that looks the same but refers to something that does not is not the same.
func TestMergeRenamesWhatRefersToTheRenamed(t *testing.T) {
	const page = `"Page":{"items":{"$ref":"#/components/schemas/Blueprint"}}`
	mine := `{"components":{"schemas":{"Blueprint":{"type":"object"},` + page + `}}}`
	theirs := `{"info":{"title":"x catalog"},"paths":{"/p":{"get":{"$ref":"#/components/schemas/Page"}}},"components":{"schemas":{"Blueprint":{"type":"string"},` + page + `}}}`
	got, err := Merge([]byte(mine), []byte(theirs))
	if err != nil || !strings.Contains(string(got), `"CatalogPage"`) || !strings.Contains(string(got), `"#/components/schemas/CatalogPage"`) {
		t.Errorf("%v %s", err, got)
	}
}

func TestMergeRefusesTwoServicesOfOneOperation(t *testing.T) {
	if _, err := Merge([]byte(base), []byte(`{"paths":{"/a":{"get":{"operationId":"other"}}}}`)); err == nil {
		t.Error("the same method of the same path twice, and no error")
	}
	if _, err := Merge([]byte(base), []byte(`no json`)); err == nil {
		t.Error("no JSON, and no error")
	}
}
