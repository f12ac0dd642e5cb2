//! Defaults: each must be a value that the schema itself accepts.

use serde_json::Value;

use super::{Problem, prune, walk};

pub(super) fn check(schema: &Value, path: &str, problems: &mut Vec<Problem>) {
    walk(schema, path, &mut |node, path| {
        let Some(default) = node.get("default") else { return };
        let path = format!("{path}.default");
        if path.contains("openAPIV3Schema.properties[metadata]") {
            problems.push(Problem::new(&path, "must not be set below metadata"));
        }
        if default.is_null() && !super::flag(node, "nullable") {
            problems.push(Problem::new(&path, "must not be null, as the field is not nullable"));
            return;
        }
        match jsonschema::options().with_draft(jsonschema::Draft::Draft7).build(node) {
            Ok(validator) => {
                for error in validator.iter_errors(default) {
                    problems.push(Problem::new(&path, format!("{error}")));
                }
            }
            Err(error) => problems.push(Problem::new(&path, format!("cannot be judged: {error}"))),
        }
        for dropped in prune::below(node, default).dropped {
            problems.push(Problem::new(&path, format!("field {dropped} would be pruned")));
        }
    });
}
