//! The templates, and the one document that they make.
//!
//! Style and script are parts of the page, named in its content security policy by their hashes: the browser runs
//! these bytes and no others, and asks nobody for anything.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::view::View;

/// Every template, by the name under which the others include it. The ending turns escaping on.
const TEMPLATES: [(&str, &str); 10] = [
    ("report.html", include_str!("../template/report.html")),
    ("head.html", include_str!("../template/head.html")),
    ("topology.html", include_str!("../template/topology.html")),
    ("groups.html", include_str!("../template/groups.html")),
    ("matrix.html", include_str!("../template/matrix.html")),
    ("openings.html", include_str!("../template/openings.html")),
    ("ports.html", include_str!("../template/ports.html")),
    ("secrets.html", include_str!("../template/secrets.html")),
    ("pools.html", include_str!("../template/pools.html")),
    ("files.html", include_str!("../template/files.html")),
];
const STYLE: &str = include_str!("../template/report.css");
const SCRIPT: &str = include_str!("../template/report.js");

/// Renders the page.
pub(crate) fn render(view: &View) -> Result<String, Error> {
    let failed = |error: minijinja::Error| Error::Template(format!("{error:#}"));
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .map_err(failed)?;
    environment.set_syntax(syntax);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).map_err(failed)?;
    }
    let page = environment.get_template("report.html").map_err(failed)?;
    page.render(context! {
        style => Value::from_safe_string(STYLE.to_owned()),
        style_hash => hash(STYLE),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        script_hash => hash(SCRIPT),
        ..Value::from(Serde(view))
    })
    .map_err(failed)
}

/// As a content security policy names it.
fn hash(text: &str) -> Value {
    // Base64 has no character that ends an attribute.
    Value::from_safe_string(format!("sha256-{}", STANDARD.encode(Sha256::digest(text))))
}
