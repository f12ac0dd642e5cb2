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

use std::{collections::BTreeSet, fs, path::Path, sync::OnceLock};

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use keystone_gen_crd::{
    blobstore::BlobStore,
    conditions,
    nodepool::{NodePool, aws::Aws, join::JoinMode},
    schema,
};
use serde_json::Value;

struct Case {
    name: String,
    object: Value,
    old: Option<Value>,
    expected: String,
}

impl Case {
    fn is_accepted(&self) -> bool {
        self.expected == "accepted\n"
    }
}

/// All cases, read once: with `UPDATE_GOLDEN` the expectations are rewritten before any test looks at them.
fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
        let kinds = ["blobstore", "nodepool"].into_iter();
        let mut cases: Vec<Case> = kinds
            .flat_map(|kind| fs::read_dir(root.join(kind)).unwrap())
            .map(|entry| case(&entry.unwrap().path()))
            .collect();
        cases.sort_by(|one, other| one.name.cmp(&other.name));
        cases
    })
}

fn case(folder: &Path) -> Case {
    let object = read(&folder.join("object.yaml"));
    let old = folder.join("old.yaml");
    let old = old.exists().then(|| read(&old));
    let expected = folder.join("expected.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&expected, verdict(&object, old.as_ref())).unwrap();
    }
    let expected = fs::read_to_string(&expected).unwrap();
    let kind = folder.parent().unwrap().file_name().unwrap().to_str().unwrap();
    Case { name: format!("{kind}/{}", folder.file_name().unwrap().to_str().unwrap()), object, old, expected }
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What is needed to judge the objects of one kind.
struct Kind {
    name: String,
    schema: Value,
    validator: jsonschema::Validator,
}

/// The kind of an object, from the rendered manifest.
fn kind_of(object: &Value) -> &'static Kind {
    static KINDS: OnceLock<Vec<Kind>> = OnceLock::new();
    let kinds = KINDS.get_or_init(|| {
        keystone_gen_crd::render().unwrap().iter().map(|artifact| kind(&artifact.contents)).collect()
    });
    kinds.iter().find(|kind| object["kind"] == kind.name.as_str()).unwrap()
}

fn kind(manifest: &str) -> Kind {
    let definition: Value = serde_saphyr::from_str(manifest).unwrap();
    let schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    let name = definition["spec"]["names"]["kind"].as_str().unwrap().to_owned();
    let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft7).build(&schema).unwrap();
    Kind { name, schema, validator }
}

fn verdict(object: &Value, old: Option<&Value>) -> String {
    let Kind { schema, validator, .. } = kind_of(object);
    let pruned = schema::prune(schema, object);
    let mut lines: Vec<String> = pruned.dropped.iter().map(|path| format!("dropped: {path}")).collect();
    let object = kube_cel::apply_defaults(schema, &schema::without_nulls(schema, &pruned.object));
    let old = old.map(|old| {
        kube_cel::apply_defaults(schema, &schema::without_nulls(schema, &schema::prune(schema, old).object))
    });
    let mut refusals = Vec::new();
    for error in validator.iter_errors(&object) {
        refusals.push(format!("{}: {error}", dotted(error.instance_path().as_str())));
    }
    twice(schema, &object, "", &mut refusals);
    if refusals.is_empty()
        && let Err(errors) = kube_cel::Validator::new().validate(schema, &object, old.as_ref())
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

/// A JSON pointer in the form of the other paths: `spec.taints[0].key`.
fn dotted(pointer: &str) -> String {
    let steps = pointer.split('/').skip(1).map(|step| {
        if step.bytes().all(|byte| byte.is_ascii_digit()) { format!("[{step}]") } else { format!(".{step}") }
    });
    steps.collect::<Vec<_>>().concat().trim_start_matches('.').to_owned()
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
                    Some(keys) => keys
                        .iter()
                        .map(|key| item[key.as_str().unwrap()].to_string())
                        .collect::<Vec<_>>()
                        .join(", "),
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
        .filter_map(|Case { name, object, old, expected }| {
            let found = verdict(object, old.as_ref());
            (found != *expected).then(|| format!("{name}\nexpected:\n{expected}found:\n{found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A rule that no case breaks might never fire.
#[test]
fn every_rule_is_broken_by_a_case() {
    let expected: String = cases().iter().map(|case| case.expected.as_str()).collect();
    let mut messages = BTreeSet::new();
    for definition in keystone_gen_crd::definitions().unwrap() {
        collect_messages(&definition, &mut messages);
    }
    assert!(messages.len() > 40, "{messages:?}");
    let unbroken: Vec<&String> =
        messages.iter().filter(|message| !expected.contains(message.as_str())).collect();
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
    for Case { name, object, .. } in cases().iter().filter(|case| case.is_accepted()) {
        let defaulted = kube_cel::apply_defaults(&kind_of(object).schema, object);
        let back = match object["kind"].as_str().unwrap() {
            "NodePool" => {
                serde_json::to_value(serde_json::from_value::<NodePool>(object.clone()).unwrap()).unwrap()
            }
            _ => serde_json::to_value(serde_json::from_value::<BlobStore>(object.clone()).unwrap()).unwrap(),
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
    let pools = cases().iter().filter(|case| case.is_accepted() && case.object["kind"] == "NodePool");
    for Case { name, object, old, .. } in pools {
        let pool: NodePool = serde_json::from_value(object.clone()).unwrap();
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
    let object = read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/nodepool/specification-example/object.yaml"),
    );
    let pruned = schema::prune(&kind_of(&object).schema, &object);
    assert_eq!(pruned.dropped, Vec::<String>::new());
    assert_eq!(pruned.object, object, "pruning changes nothing");

    let pool: NodePool = serde_json::from_value(object).unwrap();
    assert!(pool.spec.has_join_token(), "it is reported as {}", conditions::JOIN_TOKEN_IGNORED);
    let spec = pool.spec.normalised();
    assert!(!spec.has_join_token());
    assert_eq!((spec.min_nodes, spec.max_nodes, spec.replicas), (1, Some(10), None));
    let Aws { region, instance_types, root_volume, .. } = spec.aws.unwrap();
    assert_eq!(
        (region.as_str(), instance_types.as_slice(), root_volume.size_gib),
        ("us-west-2", &["m5.large".to_owned()][..], 100)
    );
    let join = spec.join.unwrap();
    assert_eq!(join.mode, JoinMode::AwsWebIdentity);
    assert_eq!(join.headscale_url.as_deref(), Some("https://primer.cluster.local:8080"));
    assert_eq!(spec.disruption.budgets[0].nodes, IntOrString::String("10%".to_owned()));
    assert_eq!(spec.registration_timeout.length().as_secs(), 900);
}

/// The interpreter reads every rule. What a rule costs is for the API server to say.
#[test]
fn rules_compile() {
    for definition in keystone_gen_crd::definitions().unwrap() {
        compile(&definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]);
    }
}

fn compile(node: &Value) {
    let compiled = kube_cel::compile_schema(node);
    assert!(!compiled.has_errors(), "{:?}", compiled.compilation_errors());
    match node {
        Value::Object(map) => map.values().for_each(compile),
        Value::Array(list) => list.iter().for_each(compile),
        _ => {}
    }
}
