//! What was done, and what comes next, for people and for machines.

use std::fmt::Write as _;

use serde_json::json;

use super::{Expiration, Target};

/// A host enrolled, or, in a dry run, what enrolling it would do.
pub struct Done {
    pub host: String,
    pub cloud_init: bool,
    pub tags: Vec<String>,
    pub expiration: Expiration,
    /// Names of those who can open the file.
    pub opens_for: Vec<String>,
    /// How Headscale is asked.
    pub command: Vec<String>,
    pub dry_run: bool,
    /// Headscale's number of the key, where it told one.
    pub key_id: Option<String>,
    pub target: Target,
    /// Whether a lock lies beside the file, which does not know it yet.
    pub locked: bool,
}

/// What takes a file into the lock.
const ADOPT: &str = "keystone-cluster secrets adopt    # the lock does not know the file yet";

/// Where a host looks for a key that did not come with its system (modules/mesh).
const DROPPED: &str = "/var/lib/keystone/mesh/join.age";

impl Done {
    pub fn text(&self) -> String {
        let mut text = String::new();
        let tags = self.tags.join(", ");
        let file = match &self.target {
            Target::File(path) => path.display().to_string(),
            Target::StandardOutput => "standard output".to_owned(),
        };
        let readers = self.opens_for.join(", ");
        // Writing to a String cannot fail.
        if self.dry_run {
            let _ =
                writeln!(text, "{} would get a key with {tags}, for {}, made by", self.host, self.expiration);
            let _ = writeln!(text, "  {}", self.command.join(" "));
            let _ =
                writeln!(text, "and written to {file}, which would open for {readers}.\nNothing was done.");
            return text;
        }
        let _ = writeln!(
            text,
            "{}: a key with {tags}, good once and for {}\nwritten to {file}, which opens for {readers}\n",
            self.host, self.expiration
        );
        let _ = writeln!(text, "Next, within {}:", self.expiration);
        if let Target::File(_) = self.target {
            if self.locked {
                let _ = writeln!(text, "  {ADOPT}");
            }
            let _ = writeln!(text, "  git add {file} && git commit -m 'secrets: enrol {}'", self.host);
            let _ = writeln!(
                text,
                "and install or deploy {}; or, without a deployment, copy the file to it:",
                self.host
            );
            let _ = writeln!(text, "  scp {file} root@ADDRESS:{DROPPED}");
        } else {
            let _ = writeln!(text, "  put the file on {} as {DROPPED}", self.host);
        }
        if self.cloud_init {
            let _ = writeln!(
                text,
                "Its user-data takes the key itself, which only an admin can open:\n  \
                 age --decrypt -i KEY {} | ssh ADDRESS 'umask 077; cat > /etc/keystone/join-key'",
                if file == "standard output" { "FILE" } else { &file }
            );
        }
        text
    }

    pub fn json(&self) -> String {
        let file = match &self.target {
            Target::File(path) => Some(path.display().to_string()),
            Target::StandardOutput => None,
        };
        let document = json!({
            "ok": true,
            "host": self.host,
            "tags": self.tags,
            "expirationSeconds": self.expiration.seconds(),
            "file": file,
            "opensFor": self.opens_for,
            "command": self.command,
            "keyId": self.key_id,
            "dryRun": self.dry_run,
            "adopt": self.locked,
        });
        format!("{document:#}\n")
    }
}
