package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// kind is what the API server keeps for one kind of objects.
type kind struct {
	structural *structural.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

func newKind(crd *apiextensions.CustomResourceDefinition) *kind {
	// Conversion moves the schema of the only version up.
	props := crd.Spec.Validation
	if props == nil {
		props = crd.Spec.Versions[0].Schema
	}
	tree, err := structural.NewStructural(props.OpenAPIV3Schema)
	if err != nil {
		panic(err)
	}
	schema, _, err := validation.NewSchemaValidator(props.OpenAPIV3Schema)
	if err != nil {
		panic(err)
	}
	return &kind{tree, schema, cel.NewValidator(tree, true, celconfig.PerCallLimit)}
}

// object compares the verdict on an object with the expectation of its case.
func object(kinds map[string]*kind, folder string) error {
	given := document(filepath.Join(folder, "object.yaml"))
	kind := kinds[given["kind"].(string)]
	dropped := kind.admit(given)
	var old any
	if file := filepath.Join(folder, "old.yaml"); exists(file) {
		before := document(file)
		kind.admit(before)
		old = before
	}
	var wantDropped, want []string
	for _, line := range strings.Split(strings.TrimSpace(string(read(filepath.Join(folder, "expected.txt")))), "\n") {
		if path, found := strings.CutPrefix(line, "dropped: "); found {
			wantDropped = append(wantDropped, path)
		} else if line != "accepted" {
			want = append(want, line)
		}
	}
	slices.Sort(wantDropped)
	if !slices.Equal(dropped, wantDropped) {
		return fmt.Errorf("pruned are %v, and we say %v", dropped, wantDropped)
	}

	errs := validation.ValidateCustomResource(nil, given, kind.schema)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, kind.structural, given)...)
	if len(errs) > 0 {
		return sameFields(errs, want)
	}
	errs, _ = kind.rules.Validate(context.Background(), nil, kind.structural, given, old, celconfig.RuntimeCELCostBudget)
	return sameMessages(errs, want)
}

func (k *kind) admit(object map[string]any) []string {
	dropped := pruning.PruneWithOptions(object, k.structural, true, structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	defaulting.PruneNonNullableNullsWithoutDefaults(object, k.structural)
	defaulting.Default(object, k.structural)
	return dropped
}

// sameFields compares refusals by the schema: both sides find fault with the same fields, each in its own words. A
// missing field is reported here at the field and by us at its parent.
func sameFields(errs field.ErrorList, want []string) error {
	for _, err := range errs {
		known := slices.ContainsFunc(want, func(line string) bool {
			path, _, _ := strings.Cut(line, ": ")
			return path == err.Field || err.Type == field.ErrorTypeRequired && strings.HasPrefix(err.Field, path+".")
		})
		if !known {
			return fmt.Errorf("refused for %v, and we say %q", err, want)
		}
	}
	for _, line := range want {
		path, _, _ := strings.Cut(line, ": ")
		if !slices.ContainsFunc(errs, func(err *field.Error) bool { return strings.HasPrefix(err.Field, path) }) {
			return fmt.Errorf("we refuse for %q, and a cluster only for %v", line, errs)
		}
	}
	return nil
}

// sameMessages compares refusals by rules, which are the same words on both sides.
func sameMessages(errs field.ErrorList, want []string) error {
	var found []string
	for _, err := range errs {
		found = append(found, err.Field+": "+err.Detail)
	}
	slices.Sort(found)
	slices.Sort(want)
	if !slices.Equal(found, want) {
		return fmt.Errorf("a cluster says %q, and we say %q", found, want)
	}
	return nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
