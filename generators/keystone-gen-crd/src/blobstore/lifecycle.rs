//! What happens to objects with age.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patterns;

/// What happens to some objects with age.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.expireAfterDays) || has(self.expireNoncurrentAfterDays) || has(self.abortIncompleteUploadsAfterDays) || has(self.transition)")
        .message("a lifecycle rule does something: set an expiry, abortIncompleteUploadsAfterDays or transition"),
    validation = Rule::new("!has(self.transition) || !has(self.expireAfterDays) || self.transition.afterDays < self.expireAfterDays")
        .message("objects move to another storage class before they expire"),
)]
pub struct LifecycleRule {
    /// The rule's name, unique in the bucket.
    #[schemars(length(min = 1, max = 255), regex(pattern = patterns::LIFECYCLE_ID))]
    pub id: String,

    /// The objects whose key starts with this text. Absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub prefix: Option<String>,

    /// Days after which an object is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub expire_after_days: Option<u32>,

    /// Days after which a version that is no longer the newest is deleted. Needs versioning.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub expire_noncurrent_after_days: Option<u32>,

    /// Days after which the parts of an upload that never ended are deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 365))]
    pub abort_incomplete_uploads_after_days: Option<u32>,

    /// The move to a cheaper storage class. For provider `aws`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition: Option<Transition>,
}

/// A move to a cheaper storage class.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// Days after which an object moves.
    #[schemars(range(min = 1, max = 36_500))]
    pub after_days: u32,

    /// Where it moves to, as S3 spells it.
    pub storage_class: StorageClass,
}

/// A cheaper storage class, as S3 spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StorageClass {
    /// Rarely read, at hand at once.
    StandardIa,
    /// Moves by itself between classes.
    IntelligentTiering,
    /// Archive, at hand at once.
    GlacierIr,
    /// Archive, at hand after hours.
    Glacier,
    /// Archive, at hand after half a day.
    DeepArchive,
}
