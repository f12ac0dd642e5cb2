//! Pages of clusters far larger than the reference one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "helpers of tests may stop at the first surprise"
)]
#[allow(dead_code, reason = "this program needs a part of what cases offer")]
mod case;

use std::fs;

use case::{Case, data};
use keystone_model::{Format, Inventory};
use keystone_report::File;
use scraper::{Html, Selector};
use serde_json::{Value, json};

const MOST_BYTES: usize = 2_000_000;

/// The reference cluster, with the matrix that fits it.
fn reference() -> Case {
    let inventory = Inventory::read(&fs::read("../../hosts/cluster.toml").unwrap(), Format::Toml).unwrap();
    Case {
        cluster: inventory.cluster,
        matrix: fs::read_to_string("tests/fixtures/reachability.json").unwrap(),
        warnings: inventory.warnings,
        files: Vec::new(),
        facts: Vec::new(),
    }
}

/// The reference cluster with so many machines more, which are workers and storage nodes.
fn grown(more: usize) -> Case {
    let mut case = reference();
    let mut matrix: Value = serde_json::from_str(&case.matrix).unwrap();
    for n in 0..more {
        let (role, model) = if n % 4 == 0 { ("storage", "storage-1") } else { ("worker", "worker-1") };
        let name = format!("{role}-rack-{}-machine-{n}", n / 40);
        let node = case.cluster.nodes.get(model).unwrap().clone();
        matrix["classes"][format!("role:{role}")].as_array_mut().unwrap().push(json!(name));
        for file in ["user-data.yaml", "kubelet.yaml", "relay.json"] {
            case.files.push(File {
                path: format!("nodes/{name}/{file}"),
                bytes: 1_000,
                sha256: "0".repeat(64),
            });
        }
        case.cluster.nodes.insert(name.parse().unwrap(), node);
    }
    case.with_matrix(matrix.to_string())
}

fn texts(page: &Html, selector: &str) -> Vec<String> {
    page.select(&Selector::parse(selector).unwrap()).map(|element| element.text().collect()).collect()
}

#[test]
fn the_fixture_fits_the_reference_cluster() {
    let case = reference();
    let matrix: Value = serde_json::from_str(&case.matrix).unwrap();
    let mut members: Vec<String> = matrix["classes"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|members| members.as_array().unwrap())
        .map(|member| member.as_str().unwrap().to_owned())
        .collect();
    members.sort();
    let mut named: Vec<String> =
        case.cluster.nodes.keys().chain(case.cluster.people.keys()).map(ToString::to_string).collect();
    named.sort();
    assert_eq!(members, named);
}

#[test]
fn ten_thousand_machines_make_a_page_below_two_megabytes() {
    let case = grown(10_000);
    let text = case.page();
    assert!(text.len() < MOST_BYTES, "the page has {} bytes", text.len());

    let page = Html::parse_document(&text);
    let members: usize = data(&page)["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|class| class[2].as_array().unwrap().len())
        .sum();
    assert_eq!(members, case.cluster.nodes.len() + case.cluster.people.len(), "members of the lookup");

    let names = texts(&page, "svg text.t-name");
    assert!(names.len() <= 8 * 12 + 6 * 5, "the picture names {} members", names.len());
    assert!(names.contains(&"primer-1".to_owned()), "the coordinator is not among {names:?}");
    let notes = texts(&page, "svg text.t-note");
    assert!(notes.contains(&"and 7,490 more".to_owned()), "{notes:?}");
    assert!(texts(&page, "#files ~ p").concat().contains("30,000 files, 30.0 MB"), "files are not counted");
    assert_eq!(texts(&page, "table.files tbody th"), ["nodes/"], "a folder per machine is not listed");
}

#[test]
fn a_page_grows_with_its_names_alone() {
    let (small, large) = (grown(1_000).page().len(), grown(2_000).page().len());
    let per_machine = (large - small) / 1_000;
    assert!(per_machine < 60, "{per_machine} bytes for each machine");
}

#[test]
fn two_hundred_classes_are_all_in_the_lookup_and_the_largest_in_the_table() {
    let classes: Vec<String> = (0..200).map(|n| format!("group:team-{n:03}")).collect();
    let members = |n: usize| -> Vec<String> { (0..=n).map(|m| format!("person-{n}-{m}")).collect() };
    let listed: serde_json::Map<String, Value> =
        classes.iter().enumerate().map(|(n, class)| (class.clone(), json!(members(n)))).collect();
    let entries: Vec<Value> = classes
        .iter()
        .flat_map(|from| {
            classes.iter().map(move |to| {
                json!({ "from": from, "to": to, "proto": "tcp", "ports": [[22, 22]], "rules": ["ssh everyone"] })
            })
        })
        .collect();
    let text = reference().with_matrix(json!({ "classes": listed, "entries": entries }).to_string()).page();
    assert!(text.len() < MOST_BYTES, "the page has {} bytes", text.len());
    let page = Html::parse_document(&text);
    let data = data(&page);
    assert_eq!(data["classes"].as_array().unwrap().len(), 200);
    assert_eq!(data["entries"].as_array().unwrap().len(), 40_000);
    let rows = texts(&page, "#matrix tbody th");
    assert_eq!(rows.len(), 48);
    assert!(rows[0].starts_with("team-152"), "the largest classes are not shown, but {}", rows[0]);
    assert_eq!(
        texts(&page, "p.note"),
        ["The table shows the largest classes of 200; the other 152 are in the lookup below."]
    );
}

#[test]
fn a_cluster_without_anything_has_a_page() {
    let mut case = reference();
    case.cluster.nodes.clear();
    case.cluster.people.clear();
    case.cluster.groups.clear();
    case.cluster.pools.clear();
    let text = case.with_matrix(r#"{"classes":{},"entries":[]}"#.to_owned()).page();
    let page = Html::parse_document(&text);
    assert_eq!(page.errors, Vec::<String>::new());
    assert!(texts(&page, "#pools ~ p").concat().contains("This cluster has none."));
}

#[test]
fn recipients_who_open_the_same_secrets_share_a_column_where_there_are_many() {
    let mut case = reference();
    let node = case.cluster.nodes["control-1"].clone();
    for n in 4..=30 {
        case.cluster.nodes.insert(format!("control-{n}").parse().unwrap(), node.clone());
    }
    let page = Html::parse_document(&case.page());
    assert_eq!(
        texts(&page, "table.marks thead th"),
        ["Secret", "primer-1 and 2 others", "control-1 and 29 others", "alice and 1 other", "Recipients"]
    );
    assert_eq!(texts(&page, "table.marks tbody tr:first-child td:last-child"), ["35"]);
}
