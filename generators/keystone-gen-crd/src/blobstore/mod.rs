//! `BlobStore`: a bucket, and which service accounts may use it.
//!
//! It is cluster-scoped. Bucket names live in one space for a whole account or Ceph cluster, and
//! `spec.access` gives rights to service accounts of any namespace: whoever may write such an object hands
//! out cloud permissions. In a namespace, everyone with the usual `edit` role could do that. Teams that
//! want a bucket of their own inside their namespace have Rook's `ObjectBucketClaim`.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patterns;

pub mod lifecycle;
pub mod status;

use lifecycle::LifecycleRule;
use status::BlobStoreStatus;

/// Where a bucket lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Provider {
    /// Amazon S3.
    Aws,
    /// The cluster's own Ceph object gateway.
    Ceph,
}

/// What happens to the bucket when the object is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// It stays, with everything in it.
    #[default]
    Retain,
    /// It is deleted with everything in it.
    Delete,
}

/// A bucket, and which service accounts may use it.
#[allow(clippy::duplicated_attributes, reason = "every printer column has a type of its own")]
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "keystone.systems",
    version = "v1alpha1",
    kind = "BlobStore",
    plural = "blobstores",
    shortname = "ksbs",
    category = "keystone",
    status = "BlobStoreStatus",
    derive = "PartialEq",
    doc = "A bucket, and which service accounts may use it. Cluster-scoped, as it hands out permissions to any namespace.",
    printcolumn(
        name = "Provider",
        type_ = "string",
        json_path = ".spec.provider",
        description = "Where the bucket lives."
    ),
    printcolumn(
        name = "Bucket",
        type_ = "string",
        json_path = ".status.bucket",
        description = "The bucket that exists."
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "Whether the bucket is what its spec asks for."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "Why it is or is not.",
        priority = 1
    ),
    printcolumn(
        name = "Endpoint",
        type_ = "string",
        json_path = ".status.endpoint",
        description = "The URL of the S3 API.",
        priority = 1
    ),
    printcolumn(
        name = "Deletion",
        type_ = "string",
        json_path = ".spec.deletionPolicy",
        description = "What happens to the bucket with the object.",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Time since the object was made."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.region) == (self.provider == 'aws')")
        .message("region is set exactly when provider is aws"),
    validation = Rule::new("(has(self.region) ? self.region : '') == (has(oldSelf.region) ? oldSelf.region : '')")
        .message("region is immutable: a bucket cannot move"),
    validation = Rule::new("self.provider == 'aws' || !has(self.encryption)")
        .message("encryption names a KMS key, which provider ceph does not have"),
    validation = Rule::new("self.provider == 'aws' || !has(self.lifecycle) || self.lifecycle.all(item, !has(item.transition))")
        .message("lifecycle transitions are for provider aws: the object gateway has one storage class"),
    validation = Rule::new("!has(self.objectLock) || self.versioning")
        .message("objectLock needs versioning"),
    validation = Rule::new("!has(self.objectLock) || self.deletionPolicy == 'Retain'")
        .message("a bucket with objectLock cannot be deleted: set deletionPolicy to Retain"),
    validation = Rule::new("self.versioning || !has(self.lifecycle) || self.lifecycle.all(item, !has(item.expireNoncurrentAfterDays))")
        .message("expireNoncurrentAfterDays needs versioning"),
    validation = Rule::new("has(oldSelf.objectLock) == has(self.objectLock)")
        .message("objectLock is fixed when a bucket is made: it cannot be added or removed"),
    validation = Rule::new("!oldSelf.versioning || self.versioning")
        .message("versioning cannot be turned off again"),
)]
pub struct BlobStoreSpec {
    /// Where the bucket lives: `aws` or `ceph`. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("provider is immutable: a bucket cannot move"))]
    pub provider: Provider,

    /// The bucket's name. Immutable.
    #[schemars(length(min = 3, max = 63), regex(pattern = patterns::BUCKET))]
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("bucket is immutable: a bucket cannot be renamed"),
        validation = Rule::new("!self.contains('..') && !self.matches('^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$') && !self.startsWith('xn--') && !self.endsWith('-s3alias')")
            .message("a bucket name has no two dots in a row, is no IP address, and neither starts with xn-- nor ends with -s3alias"),
    )]
    pub bucket: String,

    /// The region; for provider `aws` only, and required there. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = patterns::AWS_REGION))]
    pub region: Option<String>,

    /// Keep old versions of objects. Cannot be turned off again.
    #[serde(default)]
    pub versioning: bool,

    /// Encryption with a key of your own. Absent: the provider's own encryption at rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,

    /// What happens to objects with age.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub lifecycle: Vec<LifecycleRule>,

    /// Keep objects from being changed or deleted for a time. Fixed when the bucket is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_lock: Option<ObjectLock>,

    /// Which service accounts may use the bucket. Each entry becomes one role; nobody else gets in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 50),
        extend(
            "x-kubernetes-list-type" = "map",
            "x-kubernetes-list-map-keys" = ["namespace", "serviceAccount", "mode"]
        )
    )]
    pub access: Vec<Access>,

    /// What happens to the bucket when this object is deleted: `Retain` keeps it, `Delete` deletes it with
    /// everything in it.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// Encryption with a key of your own.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Encryption {
    /// The KMS key, as ARN, alias or id.
    #[schemars(length(max = 320), regex(pattern = patterns::KMS_KEY))]
    pub kms_key_id: String,
}

/// Who may lift a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ObjectLockMode {
    /// Whoever holds a special permission.
    Governance,
    /// Nobody, the account's owner included.
    Compliance,
}

/// How long objects are kept from being changed or deleted.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("oldSelf.mode != 'compliance' || (self.mode == 'compliance' && self.retentionDays >= oldSelf.retentionDays)")
        .message("a compliance lock cannot be weakened"),
)]
pub struct ObjectLock {
    /// `governance`: whoever holds a special permission may lift a lock. `compliance`: nobody may.
    pub mode: ObjectLockMode,

    /// Days that each new object is locked for.
    #[schemars(range(min = 1, max = 36_500))]
    pub retention_days: u32,
}

/// What a service account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AccessMode {
    /// List and get objects.
    Read,
    /// Put objects; neither read nor delete them.
    Write,
}

/// The right of one service account.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// The namespace of the service account.
    #[schemars(length(max = 63), regex(pattern = patterns::DNS_LABEL))]
    pub namespace: String,

    /// The name of the service account.
    #[schemars(length(max = 253), regex(pattern = patterns::DNS_SUBDOMAIN))]
    pub service_account: String,

    /// `read`: list and get objects. `write`: put objects, and neither read nor delete them. For both,
    /// write two entries.
    pub mode: AccessMode,
}
