//! Objects in `tests/cases/<kind>/<case>/`, taken through what the API server does to them: pruning, defaults, the
//! schema, the uniqueness of keyed lists, and the CEL rules.
//!
//! A case holds `object.yaml`, for an update also `old.yaml`, and `expected.txt`: one line for each field that is
//! pruned (`dropped: PATH`), then `accepted` or one line for each refusal (`PATH: MESSAGE`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test may stop at the first surprise"
)]

use std::{collections::BTreeSet, fs, path::Path};

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use keystone_gen_crd::{
    blobstore::BlobStore,
    conditions,
    nodepool::{NodePool, aws::Aws, join::JoinMode},
    schema,
};
use serde_json::Value;

fn cases() -> Vec<(String, Value, Option<Value>, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases = Vec::new();
    for kind in ["blobstore", "nodepool"] {
        for entry in fs::read_dir(root.join(kind)).unwrap() {
            let folder = entry.unwrap().path();
            let name = format!("{kind}/{}", folder.file_name().unwrap().to_str().unwrap());
            let old = folder.join("old.yaml");
            let old = old.exists().then(|| read(&old));
            let expected = folder.join("expected.txt");
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                fs::write(&expected, verdict(&read(&folder.join("object.yaml")), old.as_ref())).unwrap();
            }
            let expected = fs::read_to_string(&expected).unwrap();
            cases.push((name, read(&folder.join("object.yaml")), old, expected));
        }
    }
    cases.sort_by(|one, other| one.0.cmp(&other.0));
    cases
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The schema of an object's kind, from the rendered manifest.
fn schema_of(object: &Value) -> Value {
    let artifacts = keystone_gen_crd::render().unwrap();
    let definitions = artifacts.iter().map(|artifact| serde_saphyr::from_str::<Value>(&artifact.contents).unwrap());
    let mut found = definitions.filter(|definition| definition["spec"]["names"]["kind"] == object["kind"]);
    found.next().unwrap()["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

fn verdict(object: &Value, old: Option<&Value>) -> String {
    let schema = schema_of(object);
    let pruned = schema::prune(&schema, object);
    let mut lines: Vec<String> = pruned.dropped.iter().map(|path| format!("dropped: {path}")).collect();
    let object = kube_cel::apply_defaults(&schema, &pruned.object);
    let old = old.map(|old| kube_cel::apply_defaults(&schema, &schema::prune(&schema, old).object));
    let mut refusals = Vec::new();
    let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft7).build(&schema).unwrap();
    for error in validator.iter_errors(&object) {
        let path = error.instance_path().to_string();
        refusals.push(format!("{}: {error}", path.trim_start_matches('/').replace('/', ".")));
    }
    twice(&schema, &object, "", &mut refusals);
    if refusals.is_empty()
        && let Err(errors) = kube_cel::Validator::new().validate(&schema, &object, old.as_ref())
    {
        refusals.extend(errors.iter().map(ToString::to_string));
    }
    refusals.sort();
    if refusals.is_empty() {
        refusals.push("accepted".to_owned());
    }
    lines.extend(refusals);
    lines.join("\n") + "\n"
}

/// Elements that a set or a keyed list holds twice.
fn twice(schema: &Value, value: &Value, path: &str, refusals: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let known = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                if let Some(known) = known {
                    twice(known, field, &path, refusals);
                }
            }
        }
        Value::Array(items) => {
            let keys = schema["x-kubernetes-list-map-keys"].as_array();
            let set = schema["x-kubernetes-list-type"] == "set";
            let mut seen = BTreeSet::new();
            for (index, item) in items.iter().enumerate() {
                let key = match keys {
                    Some(keys) => {
                        keys.iter().map(|key| item[key.as_str().unwrap()].to_string()).collect::<Vec<_>>().join(", ")
                    }
                    None => item.to_string(),
                };
                if (set || keys.is_some()) && !seen.insert(key.clone()) {
                    refusals.push(format!("{path}[{index}]: {key} is there twice"));
                }
                twice(&schema["items"], item, &format!("{path}[{index}]"), refusals);
            }
        }
        _ => {}
    }
}

#[test]
fn every_case_ends_as_expected() {
    let cases = cases();
    assert!(cases.len() >= 25, "only {} cases", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(name, object, old, expected)| {
            let found = verdict(object, old.as_ref());
            (found != *expected).then(|| format!("{name}\nexpected:\n{expected}found:\n{found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A rule that no case breaks might never fire.
#[test]
fn every_rule_is_broken_by_a_case() {
    let expected: String = cases().into_iter().map(|(_, _, _, expected)| expected).collect();
    let mut messages = BTreeSet::new();
    for definition in keystone_gen_crd::definitions().unwrap() {
        collect_messages(&definition, &mut messages);
    }
    assert!(messages.len() > 40, "{messages:?}");
    let unbroken: Vec<&String> = messages.iter().filter(|message| !expected.contains(message.as_str())).collect();
    assert!(unbroken.is_empty(), "no case breaks {unbroken:#?}");
}

fn collect_messages(node: &Value, messages: &mut BTreeSet<String>) {
    for rule in node["x-kubernetes-validations"].as_array().into_iter().flatten() {
        messages.insert(rule["message"].as_str().unwrap().to_owned());
    }
    match node {
        Value::Object(map) => map.values().for_each(|child| collect_messages(child, messages)),
        Value::Array(list) => list.iter().for_each(|child| collect_messages(child, messages)),
        _ => {}
    }
}

#[test]
fn accepted_objects_survive_the_types() {
    for (name, object, _, expected) in cases() {
        if expected != "accepted\n" {
            continue;
        }
        let schema = schema_of(&object);
        let defaulted = kube_cel::apply_defaults(&schema, &object);
        let back = match object["kind"].as_str().unwrap() {
            "NodePool" => serde_json::to_value(serde_json::from_value::<NodePool>(object).unwrap()).unwrap(),
            _ => serde_json::to_value(serde_json::from_value::<BlobStore>(object).unwrap()).unwrap(),
        };
        // The types fill in the same defaults as the API server, and know every field.
        assert_eq!(sorted(&back), sorted(&defaulted), "{name}");
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: std::collections::BTreeMap<_, _> =
                map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            serde_json::to_value(ordered).unwrap()
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[test]
fn the_normalised_form_is_accepted_and_stays() {
    let mut seen = 0;
    for (name, object, old, expected) in cases() {
        if expected != "accepted\n" || object["kind"] != "NodePool" {
            continue;
        }
        let pool: NodePool = serde_json::from_value(object).unwrap();
        let normalised = pool.spec.normalised();
        assert_eq!(normalised.normalised(), normalised, "{name}");
        let mut again = pool.clone();
        again.spec = normalised.clone();
        let text = serde_json::to_value(&again).unwrap();
        assert_eq!(verdict(&text, old.as_ref()), "accepted\n", "{name}");
        assert!(!text.to_string().contains("joinToken"), "{name}");
        if pool.spec.aws.is_some() || pool.spec.bare_metal.is_some() {
            assert_eq!(normalised, pool.spec, "{name} was in full form already");
        }
        seen += 1;
    }
    assert!(seen >= 5, "only {seen} accepted pools");
}

#[test]
fn the_specifications_example_means_what_it_says() {
    let object = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/nodepool/specification-example/object.yaml"));
    let pruned = schema::prune(&schema_of(&object), &object);
    assert_eq!(pruned.dropped, Vec::<String>::new());
    assert_eq!(pruned.object, object, "pruning changes nothing");

    let pool: NodePool = serde_json::from_value(object).unwrap();
    assert!(pool.spec.has_join_token(), "it is reported as {}", conditions::JOIN_TOKEN_IGNORED);
    let spec = pool.spec.normalised();
    assert!(!spec.has_join_token());
    assert_eq!((spec.min_nodes, spec.max_nodes, spec.replicas), (1, Some(10), None));
    let Aws { region, instance_types, root_volume, .. } = spec.aws.unwrap();
    assert_eq!((region.as_str(), instance_types.as_slice(), root_volume.size_gib), ("us-west-2", &["m5.large".to_owned()][..], 100));
    let join = spec.join.unwrap();
    assert_eq!(join.mode, JoinMode::AwsWebIdentity);
    assert_eq!(join.headscale_url.as_deref(), Some("https://primer.cluster.local:8080"));
    assert_eq!(spec.disruption.budgets[0].nodes, IntOrString::String("10%".to_owned()));
    assert_eq!(spec.registration_timeout.length().as_secs(), 900);
}

/// The rules name only what a CRD rule may see, and their cost is bounded.
#[test]
fn rules_are_in_scope() {
    for definition in keystone_gen_crd::definitions().unwrap() {
        in_scope(&definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]);
    }
}

fn in_scope(node: &Value) {
    for rule in node["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let text = rule["rule"].as_str().unwrap();
        let compiled = kube_cel::compile_schema(node);
        assert!(!compiled.has_errors(), "{text}: {:?}", compiled.compilation_errors());
        let warnings = kube_cel::analyze_rule(text, &compiled, kube_cel::ScopeContext::CrdValidation);
        let scope: Vec<_> =
            warnings.iter().filter(|warning| warning.kind == kube_cel::WarningKind::WrongScope).collect();
        assert!(scope.is_empty(), "{scope:?}");
    }
    match node {
        Value::Object(map) => map.values().for_each(in_scope),
        Value::Array(list) => list.iter().for_each(in_scope),
        _ => {}
    }
}
