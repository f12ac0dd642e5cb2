//! IAM policies as types, and as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The only version of the language that has policy variables.
pub const VERSION: &str = "2012-10-17";

/// A policy: of a role, of who may take a role, or of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Policy {
    /// [`VERSION`]
    pub version: String,
    /// The statements. IAM joins them: any allow opens, any deny closes.
    pub statement: Vec<Statement>,
}

/// One statement. `NotAction`, `NotResource` and `NotPrincipal` do not exist here: they grant what nobody has listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Statement {
    /// Its name, letters and digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Whether it opens or closes.
    pub effect: Effect,
    /// To whom, where the policy belongs to a resource or a role's trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// Actions: `ec2:RunInstances`.
    pub action: Texts,
    /// ARNs, with `*`. Absent in trust policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Texts>,
    /// Operators, each with condition keys and values. All must hold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: Conditions,
}

/// Operator to key to values.
pub type Conditions = BTreeMap<String, BTreeMap<String, Texts>>;

/// Whether a statement opens or closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// It opens.
    Allow,
    /// It closes, whatever others open.
    Deny,
}

/// To whom a statement applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Principal {
    /// `*`
    Everyone(Everyone),
    /// Kinds of principals and their names: `Federated`, `Service`, `AWS`.
    Named(BTreeMap<String, Texts>),
}

/// The text `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Everyone {
    /// `*`
    #[serde(rename = "*")]
    All,
}

/// One text, or a list of them: IAM accepts both wherever it accepts one. A list of one is written as the text alone,
/// which is what IAM does itself when it returns a policy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "OneOrMany")]
pub struct Texts(pub Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Texts {
    fn from(value: OneOrMany) -> Self {
        match value {
            OneOrMany::One(text) => Self(vec![text]),
            OneOrMany::Many(texts) => Self(texts),
        }
    }
}

impl Serialize for Texts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }
}

impl Texts {
    /// The texts.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<T: Into<String>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        Self(texts.into_iter().map(Into::into).collect())
    }
}

impl From<&str> for Texts {
    fn from(text: &str) -> Self {
        Self(vec![text.to_owned()])
    }
}

impl From<String> for Texts {
    fn from(text: String) -> Self {
        Self(vec![text])
    }
}

impl<const N: usize> From<[&str; N]> for Texts {
    fn from(texts: [&str; N]) -> Self {
        texts.into_iter().collect()
    }
}

impl From<Vec<String>> for Texts {
    fn from(texts: Vec<String>) -> Self {
        Self(texts)
    }
}

impl Policy {
    /// A policy of these statements.
    #[must_use]
    pub fn new(statement: Vec<Statement>) -> Self {
        Self { version: VERSION.to_owned(), statement }
    }

    /// Characters as IAM counts them against its limits: all but white space.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn size(&self) -> serde_json::Result<usize> {
        let text = serde_json::to_string(self)?;
        Ok(text.chars().filter(|c| !c.is_whitespace()).count())
    }
}

impl Statement {
    /// A statement that opens `action` on `resource`.
    pub fn allow(sid: &str, action: impl Into<Texts>, resource: impl Into<Texts>) -> Self {
        Self {
            sid: Some(sid.to_owned()),
            effect: Effect::Allow,
            principal: None,
            action: action.into(),
            resource: Some(resource.into()),
            condition: BTreeMap::new(),
        }
    }

    /// A statement that closes `action` on `resource`.
    pub fn deny(sid: &str, action: impl Into<Texts>, resource: impl Into<Texts>) -> Self {
        Self { effect: Effect::Deny, ..Self::allow(sid, action, resource) }
    }

    /// The same, under one more condition.
    #[must_use]
    pub fn when(mut self, operator: &str, key: &str, value: impl Into<Texts>) -> Self {
        self.condition.entry(operator.to_owned()).or_default().insert(key.to_owned(), value.into());
        self
    }

    /// The same, for these principals.
    #[must_use]
    pub fn to(mut self, principal: Principal) -> Self {
        self.principal = Some(principal);
        self
    }
}
