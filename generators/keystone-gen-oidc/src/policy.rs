//! IAM policy documents.

mod operator;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use operator::{Operator, OperatorError, Quantifier, Test};

/// The only version of the policy language that knows policy variables and multi-valued keys.
pub const VERSION: &str = "2012-10-17";

/// A policy document.
///
/// `NotAction`, `NotResource` and `NotPrincipal` are no fields: what they grant grows with every service that AWS adds,
/// so no table could judge them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Policy {
    /// Version of the language.
    pub version: String,
    /// The statements.
    pub statement: Vec<Statement>,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Statement {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// Who it is about; only in trust policies and bucket policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// Actions, as `service:Action`.
    #[serde(with = "one_or_many")]
    pub action: Vec<String>,
    /// ARNs, or `*`. Trust policies have none: the role itself is meant.
    #[serde(default, with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<String>,
    /// All of these must hold.
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    pub condition: Condition,
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// It allows.
    Allow,
    /// It denies, whatever else allows.
    Deny,
}

/// Who a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Principal {
    /// `*`: everyone.
    Everyone(Star),
    /// Whoever shows a token of this provider.
    Federated(FederatedPrincipal),
    /// A service of AWS.
    Service(ServicePrincipal),
}

/// `*`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Star {
    /// `*`
    #[serde(rename = "*")]
    Star,
}

/// An identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct FederatedPrincipal {
    /// ARN of the provider.
    pub federated: String,
}

/// A service of AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct ServicePrincipal {
    /// Its name: `ec2.amazonaws.com`.
    pub service: String,
}

/// Conditions: an operator, then keys, then the values of which one must match.
pub type Condition = BTreeMap<Operator, BTreeMap<String, Values>>;

/// The values of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values(pub Vec<String>);

impl Policy {
    /// A document of these statements.
    #[must_use]
    pub fn new(statement: Vec<Statement>) -> Self {
        Self { version: VERSION.to_owned(), statement }
    }
}

impl Statement {
    /// A statement named `sid`.
    #[must_use]
    pub fn new(sid: &str, effect: Effect, actions: &[&str]) -> Self {
        Self {
            sid: Some(sid.to_owned()),
            effect,
            principal: None,
            action: actions.iter().map(|action| (*action).to_owned()).collect(),
            resource: vec![],
            condition: Condition::new(),
        }
    }

    /// A statement that allows.
    #[must_use]
    pub fn allow(sid: &str, actions: &[&str]) -> Self {
        Self::new(sid, Effect::Allow, actions)
    }

    /// A statement that denies.
    #[must_use]
    pub fn deny(sid: &str, actions: &[&str]) -> Self {
        Self::new(sid, Effect::Deny, actions)
    }

    /// About whom.
    #[must_use]
    pub fn by(mut self, principal: Principal) -> Self {
        self.principal = Some(principal);
        self
    }

    /// On these resources.
    #[must_use]
    pub fn on<T: Into<String>>(mut self, resources: impl IntoIterator<Item = T>) -> Self {
        self.resource.extend(resources.into_iter().map(Into::into));
        self
    }

    /// Only when `key` compares so to one of `values`.
    #[must_use]
    pub fn when<T: Into<String>>(
        mut self,
        operator: Operator,
        key: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let values = Values(values.into_iter().map(Into::into).collect());
        self.condition.entry(operator).or_default().insert(key.to_owned(), values);
        self
    }

    /// How messages call the statement that stands at `index`.
    #[must_use]
    pub fn title(&self, index: usize) -> String {
        match &self.sid {
            Some(sid) => format!("statement `{sid}`"),
            None => format!("statement {}", index + 1),
        }
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// IAM takes JSON's booleans and numbers for their text.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Scalar {
            Text(String),
            Truth(bool),
            Number(serde_json::Number),
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            One(Scalar),
            Many(Vec<Scalar>),
        }
        let text = |scalar| match scalar {
            Scalar::Text(text) => text,
            Scalar::Truth(truth) => truth.to_string(),
            Scalar::Number(number) => number.to_string(),
        };
        Ok(Self(match Raw::deserialize(deserializer)? {
            Raw::One(one) => vec![text(one)],
            Raw::Many(many) => many.into_iter().map(text).collect(),
        }))
    }
}

/// A list that may be written as its only element.
mod one_or_many {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(list: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        match list {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            One(String),
            Many(Vec<String>),
        }
        Ok(match Raw::deserialize(deserializer)? {
            Raw::One(one) => vec![one],
            Raw::Many(many) => many,
        })
    }
}
