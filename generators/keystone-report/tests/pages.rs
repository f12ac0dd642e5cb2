//! Every case is a folder: an inventory, its matrix, what else the page shows, and the page itself.
//! `SNAPSHOTS=overwrite cargo test -p keystone-report` writes the pages anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "helpers of tests may stop at the first surprise"
)]

mod case;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use case::{Case, data, folders};
use keystone_model::{Format, Inventory};
use scraper::{Html, Selector};
use snapbox::{Data, assert_data_eq, data::DataFormat};

fn cases() -> Vec<(std::path::PathBuf, Case)> {
    let cases: Vec<_> = folders("tests/cases").map(|folder| (folder.clone(), Case::read(&folder))).collect();
    assert!(!cases.is_empty(), "there are no cases");
    cases
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<scraper::ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

#[test]
fn each_page_is_the_one_on_file() {
    for (folder, case) in cases() {
        let expected = Data::read_from(&folder.join("expected.html"), Some(DataFormat::Text)).raw();
        assert_data_eq!(Data::text(case.page()).raw(), expected);
    }
}

#[test]
fn the_small_case_is_an_inventory_that_validation_takes() {
    let bytes = fs::read("tests/cases/small/cluster.toml").unwrap();
    Inventory::read(&bytes, Format::Toml).unwrap();
}

#[test]
fn each_page_is_html_without_a_mistake() {
    for (folder, case) in cases() {
        let page = Html::parse_document(&case.page());
        assert_eq!(page.errors, Vec::<String>::new(), "{}", folder.display());
    }
}

#[test]
fn names_inside_a_page_are_unique_and_lead_somewhere() {
    for (_, case) in cases() {
        let page = Html::parse_document(&case.page());
        let mut ids = BTreeSet::new();
        for element in all(&page, "[id]") {
            let id = element.attr("id").unwrap();
            assert!(ids.insert(id), "`{id}` is there twice");
        }
        for attribute in ["aria-labelledby", "aria-controls", "aria-describedby", "for"] {
            for element in all(&page, &format!("[{attribute}]")) {
                for id in element.attr(attribute).unwrap().split(' ') {
                    assert!(ids.contains(id), "{attribute}=`{id}` leads nowhere");
                }
            }
        }
        for element in all(&page, "[href]") {
            let href = element.attr("href").unwrap();
            let target = href.strip_prefix('#');
            assert!(
                href == "data:," || target.is_some_and(|id| ids.contains(id)),
                "`{href}` leaves the page"
            );
        }
    }
}

#[test]
fn a_page_holds_nothing_that_the_policy_of_contents_would_have_to_stop() {
    for (_, case) in cases() {
        let text = case.page();
        let page = Html::parse_document(&text);
        let scripts = all(&page, "script");
        assert_eq!(scripts.len(), 2, "the data and the script");
        assert_eq!(scripts[0].attr("type"), Some("application/json"));
        assert_eq!(scripts[1].attr("type"), None);
        for element in all(&page, "*") {
            for (name, _) in element.value().attrs() {
                assert!(!name.starts_with("on") && name != "style" && name != "src", "there is a `{name}`");
            }
        }
        for foreign in ["img", "iframe", "object", "embed", "form", "base"] {
            assert!(all(&page, foreign).is_empty(), "there is an <{foreign}>");
        }
        assert!(!all(&page, "[lang]").is_empty() && !all(&page, "title").is_empty());
    }
}

#[test]
fn the_policy_of_contents_names_the_hashes_of_style_and_script() {
    use base64::Engine as _;
    use sha2::Digest as _;
    for (_, case) in cases() {
        let page = Html::parse_document(&case.page());
        let policy =
            all(&page, "meta[http-equiv='Content-Security-Policy']")[0].attr("content").unwrap().to_owned();
        for (directive, selector) in [("style-src", "style"), ("script-src", "script:not([type])")] {
            let text: String = all(&page, selector)[0].text().collect();
            let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(&text));
            assert!(policy.contains(&format!("{directive} 'sha256-{hash}'")), "{directive} of {policy}");
        }
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
    }
}

#[test]
fn hostile_texts_arrive_as_texts() {
    let case = Case::read(Path::new("tests/cases/hostile"));
    let text = case.page();
    let page = Html::parse_document(&text);
    let shown: String = page.root_element().text().collect();
    for wanted in [
        r#"</script><script>alert("description")</script>"#,
        r#""><img src=x onerror=alert(1)>"#,
        "</td><script>alert(1)</script>",
        "pool=<script>alert('label')</script>",
        r#"</script><script>alert("message")</script>"#,
        r#"a/" onclick=alert(4) <script>"#,
        r#"<iframe src="javascript:alert(5)"></iframe>"#,
        r#"</script><script>alert("member")</script>"#,
        r#"access </script><script>alert("rule")</script>"#,
    ] {
        assert!(shown.contains(wanted), "`{wanted}` is not shown");
    }
    let data = data(&page);
    let classes: Vec<&str> =
        data["classes"].as_array().unwrap().iter().map(|c| c[0].as_str().unwrap()).collect();
    assert!(classes.contains(&r#"</script><script>alert("class")</script>"#), "{classes:?}");
    let rules: Vec<&str> = data["rules"].as_array().unwrap().iter().map(|r| r[0].as_str().unwrap()).collect();
    assert!(rules.contains(&"\u{2028}]]>&lt;"), "{rules:?}");
    assert!(rules.contains(&r#"access </script><script>alert("rule")</script>"#), "{rules:?}");
}

#[test]
fn a_wrong_matrix_is_refused_in_words() {
    let case = Case::read(Path::new("tests/cases/small"));
    let folders: Vec<_> = folders("tests/errors").collect();
    assert!(folders.len() >= 10, "cases are missing");
    for folder in folders {
        let matrix = fs::read_to_string(folder.join("reachability.json")).unwrap();
        let error = case.with_matrix(matrix).try_page().expect_err("must be refused").to_string();
        let expected = Data::read_from(&folder.join("expected.txt"), Some(DataFormat::Text)).raw();
        assert_data_eq!(Data::text(format!("{error}\n")).raw(), expected);
    }
}
