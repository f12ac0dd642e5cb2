//! Strings and patterns: what is written means what was meant.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

use keystone_gen_nixos_options::nix;
use keystone_gen_nixos_options::pattern::posix;
use proptest::prelude::*;
use rnix::Root;
use rnix::ast::{Expr, InterpolPart};
use serde_json::Value;

/// A string of Nix as an independent parser evaluates it; `None` where it holds an interpolation.
fn evaluated(text: &str) -> Option<String> {
    let Some(Expr::Str(string)) = Root::parse(text).ok().unwrap_or_else(|e| panic!("{text}: {e}")).expr()
    else {
        panic!("{text} is no string")
    };
    match string.normalized_parts().as_slice() {
        [] => Some(String::new()),
        [InterpolPart::Literal(text)] => Some(text.clone()),
        _ => None,
    }
}

proptest! {
    #[test]
    fn strings_on_one_line_read_back(text in "[ -~\n\t\rä]{0,40}", special in "[$\\{}\"'\\\\a\n]{0,12}") {
        for text in [text, special] {
            prop_assert_eq!(evaluated(&nix::quoted(&text)), Some(text));
        }
    }

    #[test]
    fn strings_over_lines_read_back(lines in prop::collection::vec("([a-z][$\\{}\"'\\\\ ä]{0,10}[a-z$'{}])?", 1..5)) {
        // The first line starts in the first column, as filled text does.
        let mut lines = lines;
        lines.insert(0, "start".to_owned());
        let text = lines.join("\n") + "\n";
        prop_assert_eq!(evaluated(&nix::block(&lines, 4)), Some(text));
    }

    #[test]
    fn filling_keeps_the_words(words in prop::collection::vec("[a-z-]{1,12}|[0-9]{1,2}\\.|#+|\\+", 1..60), width in 20_usize..100) {
        let text = words.join(" ");
        let lines = nix::fill(&text, width);
        let back: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
        prop_assert_eq!(back, words.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn any_pattern_is_written_or_refused(pattern in "[\\^$a-c()|*+?{}\\[\\]0-9,.\\\\dws:=!<-]{0,16}") {
        if let Ok(text) = posix(&pattern) {
            prop_assert!(text.is_ascii());
            // Whoever writes it can read it: what was accepted is a pattern, and whole.
            prop_assert!(jsonschema::draft202012::new(&serde_json::json!({"pattern": pattern})).is_ok(), "{} from {}", text, pattern);
        }
    }
}

/// `samples.json` is shared with `checks/conformance/nixos-options`, which asks Nix the same.
#[test]
fn samples_match_as_the_schema_matches() {
    let samples: Value = serde_json::from_str(include_str!("cases/samples.json")).unwrap();
    let samples = samples.as_array().unwrap();
    assert!(samples.len() >= 5);
    for sample in samples {
        let pattern = sample["pattern"].as_str().unwrap();
        assert_eq!(posix(pattern).unwrap(), sample["posix"].as_str().unwrap(), "{pattern}");
        let validator = jsonschema::draft202012::new(&serde_json::json!({ "pattern": pattern })).unwrap();
        for (list, expected) in [("matches", true), ("others", false)] {
            for text in sample[list].as_array().unwrap() {
                assert_eq!(validator.is_valid(text), expected, "{pattern} on {text}");
            }
        }
    }
}
