//! A person comes into the inventory's text, or goes out of it. Everything else in there stays as it was written.

use std::fmt::Write as _;
use std::path::Path;

use keystone_model::Cluster;

use crate::error::Error;
use crate::inventory;

fn header(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let end = line.find(']')?;
    line.starts_with('[').then(|| line[..=end].trim_matches(['[', ']']).trim())
}

/// The inventory with one admin more.
///
/// # Errors
/// When the person is in there already, or the inventory would be none.
pub fn with_admin(
    text: &str,
    path: &Path,
    name: &str,
    email: &str,
    keys: &[String],
) -> Result<(String, Cluster), Error> {
    let before = inventory::read(text.as_bytes(), path)?;
    if before.people.keys().any(|there| there.as_str() == name) {
        return Err(Error::Refused(format!(
            "{name} is in the inventory already; write `admin = true` or another key there, then `keystone-cluster secrets rekey`"
        )));
    }
    let quoted = |keys: Vec<&String>| {
        keys.iter()
            .map(|key| serde_json::Value::from(key.as_str()).to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (ssh, age): (Vec<&String>, Vec<&String>) = keys.iter().partition(|key| key.contains(' '));
    let mut new = text.trim_end().to_owned();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !plain {
        return Err(Error::Refused(format!("`{name}` is no name; use letters, digits and `-`")));
    }
    // Writing to a String cannot fail.
    let _ = write!(new, "\n\n[people.{name}]\nemail = {}\nadmin = true\n", serde_json::Value::from(email));
    if !age.is_empty() {
        let _ = writeln!(new, "ageKeys = [{}]", quoted(age));
    }
    if !ssh.is_empty() {
        let _ = writeln!(new, "sshKeys = [{}]", quoted(ssh));
    }
    let after = inventory::read(new.as_bytes(), path)?;
    Ok((new, after))
}

/// The inventory without a person.
///
/// # Errors
/// When it would be none without them, or they are written in a way that cannot be taken out line by line.
pub fn without(text: &str, path: &Path, name: &str) -> Result<(String, Cluster), Error> {
    let own = |line: &str| {
        header(line).is_some_and(|table| {
            let rest = table.strip_prefix("people.").map(|rest| rest.replace(['"', '\''], ""));
            rest.is_some_and(|rest| rest == name || rest.starts_with(&format!("{name}.")))
        })
    };
    let mut new = String::new();
    let mut skipping = false;
    // Comments and empty lines before the next table belong to that.
    let mut held = String::new();
    for line in text.split_inclusive('\n') {
        if header(line).is_some() {
            skipping = own(line);
            if !skipping {
                new.push_str(&held);
            }
            held.clear();
        }
        if !skipping {
            new.push_str(line);
        } else if line.trim().is_empty() || line.trim_start().starts_with('#') {
            held.push_str(line);
        } else {
            held.clear();
        }
    }
    let by_hand = || {
        Error::Refused(format!(
            "cannot take {name} out of {}; do it by hand, and run this again",
            path.display()
        ))
    };
    let before = inventory::read(text.as_bytes(), path)?;
    let after = inventory::read(new.as_bytes(), path)?;
    let mut expected = before;
    expected.people.retain(|there, _| there.as_str() != name);
    if expected == after { Ok((new, after)) } else { Err(by_hand()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> String {
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../hosts/cluster.toml")).unwrap()
    }

    #[test]
    fn comes_and_goes_without_a_trace() {
        let text = reference();
        let path = Path::new("hosts/cluster.toml");
        let key = "age1murtyv2ww0glldrec249405rl5kgzrqly8nktnr87wwqv3fm24qstjw3s9".to_owned();
        let other = text.replace(&key, "age1x6zqhshdmzcxlvcl5ddu2vujnjcn5cahhfxs2g9xqgmks5hq7gvsm8kg6s");
        let without_carol = without(&text, path, "carol").unwrap().0;
        assert!(!without_carol.contains("carol") && without_carol.contains("[people.dave]"));
        let (with, cluster) =
            with_admin(&without_carol, path, "erin", "erin@keystone.example", &[key]).unwrap();
        assert!(cluster.people.iter().any(|(name, person)| name.as_str() == "erin" && person.admin));
        let (again, _) = without(&with, path, "erin").unwrap();
        assert_eq!(again.trim_end(), without_carol.trim_end());
        assert_ne!(other, text);
    }

    #[test]
    fn comments_of_others_stay() {
        let text = reference().replace("[people.bob]", "# About bob.\n[people.bob]");
        let (new, _) = without(&text, Path::new("hosts/cluster.toml"), "dave").unwrap();
        assert!(new.contains("# About bob."));
        assert!(new.contains("# ---- machines ---"));
    }
}
