//! Where two certificates differ, by kind: what a requester lied about.

use std::collections::BTreeSet;

use thiserror::Error;

use super::{AltName, Constraints, Contents, Kind, PublicKey, Serial, Subject, Usage, Validity};

/// One difference between what was asked for and what is right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Difference {
    /// It would be an authority, and must not be, or the other way round.
    #[error("it {}, and the profile says otherwise", if *.asked { "is a certificate authority (CA:TRUE)" } else { "is no certificate authority" })]
    Authority {
        /// Whether it was asked to be one.
        asked: bool,
    },
    /// Another path length.
    #[error("it has a path length of {asked}, and {right} is right")]
    PathLength {
        /// What was asked for.
        asked: u8,
        /// What is right.
        right: u8,
    },
    /// Other name constraints.
    #[error("it may sign for `{asked}`, and `{right}` is right")]
    Constraints {
        /// What was asked for.
        asked: Box<Constraints>,
        /// What is right.
        right: Box<Constraints>,
    },
    /// Other usages.
    #[error("it is for {}, and {} is right", list(.asked), list(.right))]
    Usages {
        /// What was asked for.
        asked: BTreeSet<Usage>,
        /// What is right.
        right: BTreeSet<Usage>,
    },
    /// Other alternative names.
    #[error("it has the names {}, and {} is right", list(.asked), list(.right))]
    AltNames {
        /// What was asked for.
        asked: BTreeSet<AltName>,
        /// What is right.
        right: BTreeSet<AltName>,
    },
    /// Another subject.
    #[error("it is for `{asked}`, and `{right}` is right")]
    Subject {
        /// What was asked for.
        asked: Subject,
        /// What is right.
        right: Subject,
    },
    /// Another issuer.
    #[error("it names `{asked}` as who signs, and `{right}` is right")]
    Issuer {
        /// What was asked for.
        asked: Subject,
        /// What is right.
        right: Subject,
    },
    /// Another validity.
    #[error("it is valid {asked}, and {right} is right")]
    Validity {
        /// What was asked for.
        asked: Validity,
        /// What is right.
        right: Validity,
    },
    /// Another serial number.
    #[error("it has the serial number {asked}, and {right} is right")]
    Serial {
        /// What was asked for.
        asked: Serial,
        /// What is right.
        right: Serial,
    },
    /// Another key, or another identifier of it.
    #[error("it is about the key {asked}, and {right} is right")]
    Key {
        /// What was asked for.
        asked: PublicKey,
        /// What is right.
        right: PublicKey,
    },
    /// Another identifier of a key.
    #[error("it names the key of its subject or of its issuer by another identifier")]
    KeyId,
    /// The same in other bytes.
    #[error("it says the same in other bytes")]
    Encoding,
}

fn list<T: ToString>(values: &BTreeSet<T>) -> String {
    if values.is_empty() {
        return "none".to_owned();
    }
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Contents {
    /// Where this differs from `right`; the gravest comes first.
    #[must_use]
    pub fn differences(&self, right: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        match (&self.kind, &right.kind) {
            (
                Kind::Authority { path_length: asked, constraints: asked_constraints },
                Kind::Authority { path_length: right, constraints: right_constraints },
            ) => {
                if asked != right {
                    found.push(Difference::PathLength { asked: *asked, right: *right });
                }
                if asked_constraints != right_constraints {
                    found.push(Difference::Constraints {
                        asked: Box::new(asked_constraints.clone()),
                        right: Box::new(right_constraints.clone()),
                    });
                }
            }
            (Kind::Leaf { usages: asked }, Kind::Leaf { usages: right }) => {
                if asked != right {
                    found.push(Difference::Usages { asked: asked.clone(), right: right.clone() });
                }
            }
            (asked, _) => {
                found.push(Difference::Authority { asked: matches!(asked, Kind::Authority { .. }) });
            }
        }
        macro_rules! compare {
            ($($field:ident => $difference:ident),*) => {
                $(if self.$field != right.$field {
                    found.push(Difference::$difference { asked: self.$field.clone(), right: right.$field.clone() });
                })*
            };
        }
        compare!(subject => Subject, alt_names => AltNames, issuer => Issuer);
        if self.validity != right.validity {
            found.push(Difference::Validity { asked: self.validity, right: right.validity });
        }
        if self.serial != right.serial {
            found.push(Difference::Serial { asked: self.serial, right: right.serial });
        }
        if self.key != right.key {
            found.push(Difference::Key { asked: self.key, right: right.key });
        } else if (self.subject_key_id, self.authority_key_id)
            != (right.subject_key_id, right.authority_key_id)
        {
            found.push(Difference::KeyId);
        }
        found
    }
}
