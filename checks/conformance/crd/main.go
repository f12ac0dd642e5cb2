// Takes our manifests, schemas and objects through the code that kube-apiserver itself runs on them, and compares
// what it says with what our own reader and the cases expect.
//
//	crd MANIFESTS CASES SCHEMAS
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

var (
	scheme         = runtime.NewScheme()
	passed, failed int
)

func main() {
	install.Install(scheme)
	kinds := map[string]*kind{}
	for _, file := range glob(os.Args[1], "*.yaml") {
		crd, err := definition(read(file))
		if err == nil {
			err = judge(crd)
		}
		report(filepath.Base(file), err)
		if crd != nil {
			kinds[crd.Spec.Names.Kind] = newKind(crd)
		}
	}
	for _, folder := range glob(os.Args[2], "*/*") {
		report(folder, object(kinds, folder))
	}
	for _, folder := range glob(os.Args[3], "*") {
		report(folder, schema(folder))
		delete(stricter, filepath.Base(folder))
	}
	for name := range stricter {
		report(name, errors.New("is said to be a rule of our own, and no case shows it"))
	}
	fmt.Printf("%d passed, %d failed, 0 skipped\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

func report(name string, err error) {
	if err == nil {
		passed++
		return
	}
	failed++
	fmt.Printf("%s: %v\n", name, err)
}

// definition reads a manifest as strictly as `kubectl apply --validate=strict`.
func definition(text []byte) (*apiextensions.CustomResourceDefinition, error) {
	var external v1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(text, &external); err != nil {
		return nil, err
	}
	v1.SetDefaults_CustomResourceDefinition(&external)
	v1.SetDefaults_CustomResourceDefinitionSpec(&external.Spec)
	var internal apiextensions.CustomResourceDefinition
	if err := scheme.Convert(&external, &internal, nil); err != nil {
		return nil, err
	}
	internal.Status.StoredVersions = []string{external.Spec.Versions[0].Name}
	return &internal, nil
}

// judge says what a cluster says when the manifest is created: structural rules, types and cost of CEL included.
func judge(crd *apiextensions.CustomResourceDefinition) error {
	return validation.ValidateCustomResourceDefinition(context.Background(), crd).ToAggregate()
}

// stricter are rules of our own, which a cluster does not have; and why we have them.
var stricter = map[string]string{
	"no-description":                "every field is explained",
	"rule-without-message":          "every refusal is explained",
	"unknown-format":                "a cluster only warns, and then does not apply the format",
	"required-but-unknown":          "a cluster takes it, and then no object",
	"bounds-crossed":                "a cluster takes it, and then no object",
	"enum-empty":                    "a cluster takes it for no enum",
	"enum-of-other-type":            "the choice can never be made",
	"additional-properties-false":   "a cluster prunes all the same, and does not refuse",
	"properties-of-text":            "the properties have no effect",
	"int-or-string-with-type":       "one of the two has no effect",
	"default-null":                  "a cluster takes it for no default",
	"condition-below-names-unknown": "a cluster looks only at conditions of the root, although its documentation says more",
	"rule-over-unbounded-list":      "the cost of this rule fits the budget by luck",
	"rule-over-unbounded-map":       "the cost of this rule fits the budget by luck",
	"rule-in-unbounded-list":        "the cost of this rule fits the budget by luck",
}

// schema compares the verdict on a schema with that of our own reader.
func schema(folder string) error {
	var given any
	if err := yaml.Unmarshal(read(filepath.Join(folder, "schema.yaml")), &given); err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   map[string]any{"name": "things.example.org"},
		"spec": map[string]any{
			"group": "example.org",
			"names": map[string]any{"kind": "Thing", "plural": "things", "singular": "thing", "listKind": "ThingList"},
			"scope": "Cluster",
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true, "schema": map[string]any{"openAPIV3Schema": given},
			}},
		},
	})
	if err != nil {
		return err
	}
	crd, theirs := definition(text)
	if theirs == nil {
		theirs = judge(crd)
	}
	ours := strings.TrimSpace(string(read(filepath.Join(folder, "expected.txt"))))
	reason, ourOwn := stricter[filepath.Base(folder)]
	switch {
	case theirs != nil && ours == "":
		return fmt.Errorf("our reader accepts what a cluster refuses: %v", theirs)
	case theirs == nil && ours != "" && !ourOwn:
		return fmt.Errorf("our reader refuses what a cluster accepts: %s", ours)
	case theirs != nil && ourOwn:
		return fmt.Errorf("is said to be a rule of our own (%s), and a cluster has it too: %v", reason, theirs)
	}
	return nil
}

func glob(folder, pattern string) []string {
	found, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil || len(found) == 0 {
		panic(fmt.Sprintf("nothing in %s/%s", folder, pattern))
	}
	sort.Strings(found)
	return found
}

func read(file string) []byte {
	text, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	return text
}

// document reads an object with whole numbers as int64, as the API server does.
func document(file string) map[string]any {
	text, err := yaml.YAMLToJSON(read(file))
	if err != nil {
		panic(err)
	}
	var object map[string]any
	if err := utiljson.Unmarshal(text, &object); err != nil {
		panic(err)
	}
	return object
}
