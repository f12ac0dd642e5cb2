//! Schemas in `tests/schemas/<case>/schema.yaml`, and what the reader of structural schemas says about each:
//! `expected.txt` holds one problem on each line, or nothing. Then manifests as a whole, and the properties of
//! pruning.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test may stop at the first surprise"
)]

use std::{fs, path::Path};

use keystone_gen_crd::{Error, definitions, render, schema, verify};
use keystone_generator::Artifact;
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn every_schema_is_judged_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas");
    let mut folders: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let mut wrong = Vec::new();
    for folder in &folders {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(folder.join("schema.yaml")).unwrap();
        let given: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut lines: Vec<String> =
            schema::check(&given, "openAPIV3Schema").iter().map(ToString::to_string).collect();
        lines.push(String::new());
        let found = lines.join("\n");
        let expected = folder.join("expected.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&expected, &found).unwrap();
        }
        let expected = fs::read_to_string(expected).unwrap();
        if found != expected {
            wrong.push(format!("{name}\nexpected:\n{expected}found:\n{found}"));
        }
        assert_eq!(expected.is_empty(), name == "sound", "{name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(folders.len() > 40, "only {} schemas", folders.len());
}

/// Changes one place of the `NodePool` manifest and says what the reader finds then.
fn with(pointer: &str, value: &Value) -> String {
    let artifact = render().unwrap().pop().unwrap();
    let mut document: Value = serde_saphyr::from_str(&artifact.contents).unwrap();
    *document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} leads nowhere")) = value.clone();
    let contents = serde_saphyr::to_string(&document).unwrap();
    match verify(&[Artifact::new(artifact.path, contents)]) {
        Ok(()) => "accepted".to_owned(),
        Err(Error::Refused { problems, .. }) => {
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn manifests_are_judged_as_a_whole() {
    for (pointer, value, expected) in [
        ("/apiVersion", json!("v1"), r#"apiVersion: "v1" must be "apiextensions.k8s.io/v1""#),
        (
            "/spec/group",
            json!("example.org"),
            concat!(
                "spec.group: \"example.org\" must be \"keystone.systems\"\n",
                "metadata.name: \"nodepools.keystone.systems\" must be \"nodepools.example.org\""
            ),
        ),
        ("/spec/names/singular", json!("NodePool"), r#"spec.names.singular: "NodePool" must be lower case"#),
        ("/spec/scope", json!("Global"), r#"spec.scope: "Global" must be Cluster or Namespaced"#),
        ("/spec/versions", json!(1), "spec.versions: must be a list"),
        (
            "/spec/versions/0/storage",
            json!(false),
            "spec.versions: 0 versions are stored: exactly one must be",
        ),
        ("/spec/versions/0/schema", json!({}), "spec.versions[0].schema.openAPIV3Schema: must be set"),
        (
            "/spec/versions/0/additionalPrinterColumns/1/jsonPath",
            json!(".spec.size"),
            r#"spec.versions[0].additionalPrinterColumns[1].jsonPath: ".spec.size" leads to no field"#,
        ),
        (
            "/spec/versions/0/additionalPrinterColumns/1/type",
            json!("duration"),
            r#"spec.versions[0].additionalPrinterColumns[1].type: "duration" is no type of a column"#,
        ),
        (
            "/spec/versions/0/subresources/scale/labelSelectorPath",
            json!(".status.replicas"),
            r#"spec.versions[0].subresources.scale.labelSelectorPath: ".status.replicas" must lead to a field of type string below .status."#,
        ),
        (
            "/spec/versions/0/subresources",
            json!({"scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"}}),
            "spec.versions[0].subresources.scale: needs the status subresource",
        ),
        (
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/provider/enum",
            json!([]),
            "spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[provider].enum: must be a list of at least one value",
        ),
    ] {
        assert_eq!(with(pointer, &value), expected, "{pointer}");
    }
}

/// Whatever bound a rule relies on: the manifest without it is refused, at that place.
#[test]
fn no_bound_can_be_forgotten() {
    let definition = definitions().unwrap().pop().unwrap();
    let root = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let mut bounds = Vec::new();
    find_bounds(&root["properties"]["spec"], "/properties/spec", &mut bounds);
    assert!(bounds.len() > 60, "only {} bounds", bounds.len());
    for (pointer, word) in bounds {
        let mut without = root.clone();
        without.pointer_mut(&pointer).unwrap().as_object_mut().unwrap().remove(word);
        let found = schema::check(&without, "openAPIV3Schema");
        assert!(
            found.iter().any(|problem| problem.path.ends_with(&format!(".{word}"))),
            "{pointer} without {word}: {found:?}"
        );
    }
}

fn find_bounds(node: &Value, pointer: &str, bounds: &mut Vec<(String, &'static str)>) {
    for word in ["maxItems", "maxLength", "maxProperties"] {
        if node.get(word).is_some() {
            bounds.push((pointer.to_owned(), word));
        }
    }
    for (name, child) in node["properties"].as_object().into_iter().flatten() {
        find_bounds(child, &format!("{pointer}/properties/{}", name.replace('/', "~1")), bounds);
    }
    for word in ["items", "additionalProperties"] {
        if let Some(child) = node.get(word) {
            find_bounds(child, &format!("{pointer}/{word}"), bounds);
        }
    }
}

#[test]
fn what_is_no_yaml_is_refused() {
    let error = verify(&[Artifact::new("crds/x.yaml", "a: [")]).unwrap_err().to_string();
    assert!(error.starts_with("`crds/x.yaml` would be refused:\n  : is no YAML document: "), "{error}");
}

#[test]
fn pruning_follows_the_schema() {
    let schema = json!({
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {
                "known": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
                "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"b": {"type": "string"}}}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"c": {"type": "object"}}},
                "pod": {"type": "object", "x-kubernetes-embedded-resource": true},
            }},
        },
    });
    let object = json!({
        "apiVersion": "v1", "kind": "K", "metadata": {"name": "n"}, "top": 1,
        "spec": {
            "known": [{"a": "1"}, {"a": "1", "x": 2}],
            "map": {"any": {"b": "1", "x": 2}},
            "free": {"any": 1, "c": {"x": 2}},
            "pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "x": 2},
        },
    });
    let pruned = schema::prune(&schema, &object);
    assert_eq!(pruned.dropped, ["top", "spec.known[1].x", "spec.map.any.x", "spec.free.c.x", "spec.pod.x"]);
    assert_eq!(
        pruned.object,
        json!({
            "apiVersion": "v1", "kind": "K", "metadata": {"name": "n"},
            "spec": {
                "known": [{"a": "1"}, {"a": "1"}],
                "map": {"any": {"b": "1"}},
                "free": {"any": 1, "c": {}},
                "pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {}},
            },
        })
    );
}

/// Any JSON, with the words of schemas and of our kinds among the names.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "(object|array|string|map|set|[a-z(]{0,3})".prop_map(Value::from),
    ];
    let name = "(type|properties|items|additionalProperties|anyOf|enum|required|default|pattern|spec|aws|\
                x-kubernetes-validations|x-kubernetes-list-type|x-kubernetes-list-map-keys|rule|[a-z]{1,2})";
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_schema_is_judged_without_a_panic(schema in any_json(), object in any_json()) {
        let problems = schema::check(&schema, "openAPIV3Schema");
        if schema.get("type") != Some(&json!("object")) {
            prop_assert!(!problems.is_empty());
        }
        let once = schema::prune(&schema, &object);
        let twice = schema::prune(&schema, &once.object);
        prop_assert_eq!(&twice.object, &once.object);
        prop_assert!(twice.dropped.is_empty());
        prop_assert_eq!(once.dropped.is_empty(), once.object == object);
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,80}") {
        prop_assert!(verify(&[Artifact::new("crds/x.yaml", text)]).is_err());
    }
}
