//! CEL rules: readable, bounded, and comparing with an old value only where there is one.
//!
//! Whether a rule compiles and what it costs is for the API server (and, in the tests, for a CEL
//! interpreter) to say. Here is what makes its estimate finite: it multiplies the worst case of every list,
//! map and string that a rule can reach, so each of them must have a bound.

use serde_json::Value;

use super::{Problem, Step, child_path, children, flag, walk};

const REASONS: [&str; 4] =
    ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/// Words that a rule may hold.
const WORDS: [&str; 6] = ["fieldPath", "message", "messageExpression", "optionalOldSelf", "reason", "rule"];

pub(super) fn check(schema: &Value, path: &str, problems: &mut Vec<Problem>) {
    node(schema, path, &Place { correlatable: true, unbounded: None }, problems);
}

/// What the way from the root to a node says about the rules of the node.
#[derive(Clone, Default)]
struct Place {
    /// Whether each value here has one old value: lists without keys have none for their elements.
    correlatable: bool,
    /// The nearest list or map on the way that has no bound; a rule would run once for each element.
    unbounded: Option<String>,
}

fn node(schema: &Value, path: &str, place: &Place, problems: &mut Vec<Problem>) {
    if let Some(rules) = schema.get("x-kubernetes-validations") {
        let rules_path = format!("{path}.x-kubernetes-validations");
        if let Some(rules) = rules.as_array() {
            for (index, one) in rules.iter().enumerate() {
                rule(one, &format!("{rules_path}[{index}]"), place.correlatable, problems);
            }
        } else {
            problems.push(Problem::new(&rules_path, "must be a list"));
        }
        if let Some(unbounded) = &place.unbounded {
            problems.push(Problem::new(
                &rules_path,
                format!("runs once for each element of {unbounded}, which has no bound"),
            ));
        }
        walk(schema, path, &mut |below, below_path| {
            if let Some(word) = missing_bound(below) {
                let problem = "must be set: a rule above can reach this, and its cost must be bounded";
                problems.push(Problem::new(format!("{below_path}.{word}"), problem));
            }
        });
    }
    for (step, child) in children(schema) {
        let below = match step {
            Step::Property(_) => Place {
                correlatable: place.correlatable && schema["x-kubernetes-map-type"] != "atomic",
                unbounded: place.unbounded.clone(),
            },
            Step::Items => Place {
                correlatable: place.correlatable && schema["x-kubernetes-list-type"] == "map",
                unbounded: unbounded(schema, path, "maxItems", place),
            },
            Step::Values => Place {
                correlatable: place.correlatable && schema["x-kubernetes-map-type"] != "atomic",
                unbounded: unbounded(schema, path, "maxProperties", place),
            },
        };
        node(child, &child_path(path, step), &below, problems);
    }
}

fn unbounded(schema: &Value, path: &str, word: &str, place: &Place) -> Option<String> {
    if schema.get(word).is_some() { place.unbounded.clone() } else { Some(path.to_owned()) }
}

/// The bound that a list, map or text needs and lacks.
fn missing_bound(node: &Value) -> Option<&'static str> {
    let lacks = |word: &'static str| node.get(word).is_none().then_some(word);
    match node["type"].as_str() {
        Some("array") => lacks("maxItems"),
        Some("object") if node.get("additionalProperties").is_some() => lacks("maxProperties"),
        Some("string") if node.get("enum").is_some() => None,
        // The length of these formats is known to the API server.
        Some("string")
            if ["date", "date-time", "duration"].iter().any(|format| node["format"] == *format) =>
        {
            None
        }
        Some("string") => lacks("maxLength"),
        None if flag(node, "x-kubernetes-int-or-string") => lacks("maxLength"),
        _ => None,
    }
}

fn rule(rule: &Value, path: &str, correlatable: bool, problems: &mut Vec<Problem>) {
    let text = |word: &str| rule.get(word).and_then(Value::as_str).unwrap_or_default();
    for (word, _) in rule.as_object().into_iter().flatten() {
        if !WORDS.contains(&word.as_str()) {
            problems.push(Problem::new(format!("{path}.{word}"), "is no word of a rule"));
        }
    }
    let expression = text("rule");
    if expression.trim().is_empty() {
        problems.push(Problem::new(format!("{path}.rule"), "must not be empty"));
    }
    if text("message").trim().is_empty() && text("messageExpression").trim().is_empty() {
        problems.push(Problem::new(
            format!("{path}.message"),
            "must be set: the expression itself helps no reader",
        ));
    }
    if text("message").contains(['\n', '\r']) {
        problems.push(Problem::new(format!("{path}.message"), "must be one line"));
    }
    if rule.get("reason").is_some() && !REASONS.contains(&text("reason")) {
        problems
            .push(Problem::new(format!("{path}.reason"), format!("must be one of {}", REASONS.join(", "))));
    }
    let compares = mentions(expression, "oldSelf");
    if compares && !correlatable {
        problems.push(Problem::new(
            format!("{path}.rule"),
            "uses oldSelf inside a list without keys, whose elements have no old value",
        ));
    }
    if rule.get("optionalOldSelf").is_some() && !compares {
        problems.push(Problem::new(format!("{path}.optionalOldSelf"), "needs a rule that uses oldSelf"));
    }
}

/// Whether an expression holds a name as a whole word, outside of quoted text.
fn mentions(expression: &str, name: &str) -> bool {
    let mut quote = None;
    let mut word = String::new();
    for character in expression.chars().chain([' ']) {
        if let Some(open) = quote {
            if character == open {
                quote = None;
            }
        } else if character.is_ascii_alphanumeric() || character == '_' {
            word.push(character);
        } else {
            if word == name {
                return true;
            }
            word.clear();
            if character == '\'' || character == '"' {
                quote = Some(character);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn names_are_whole_words_outside_of_text() {
        assert!(mentions("self == oldSelf", "oldSelf"));
        assert!(mentions("oldSelf.mode == 'x'", "oldSelf"));
        assert!(!mentions("self != 'oldSelf'", "oldSelf"));
        assert!(!mentions("self.oldSelfish == 1", "oldSelf"));
    }
}
