//! Backups in a bucket that is versioned and locked by default (Object Lock, mode COMPLIANCE): what is written stays
//! until the bucket's own lifecycle removes it, whoever holds which role.

use super::Scope;
use crate::policy::{Everyone, Policy, Principal, Statement};

/// Actions on objects that destroy backups.
const DESTROY_OBJECTS: [&str; 2] = ["s3:BypassGovernanceRetention", "s3:DeleteObjectVersion"];
/// Actions on the bucket that lift its protection. Deleting its policy would lift the denial of all others.
const DESTROY_BUCKET: [&str; 3] =
    ["s3:DeleteBucketPolicy", "s3:PutBucketPolicy", "s3:PutLifecycleConfiguration"];

struct Places {
    bucket: String,
    objects: String,
    all_objects: String,
    prefix: String,
    regions: Vec<String>,
}

fn places(scope: &Scope, bucket: &str) -> Places {
    let regions = scope.bucket_regions(bucket);
    let bucket = format!("arn:{}:s3:::{bucket}", scope.aws.partition.as_str());
    let prefix = format!("{}/*", scope.name());
    Places {
        regions,
        objects: format!("{bucket}/{prefix}"),
        all_objects: format!("{bucket}/*"),
        bucket,
        prefix,
    }
}

fn over_tls(at: &Places, statement: Statement) -> Statement {
    statement.when("NumericGreaterThanEquals", "s3:TlsVersion", "1.2").when(
        "StringEquals",
        "aws:RequestedRegion",
        at.regions.clone(),
    )
}

/// The writer adds objects and replaces none.
#[must_use]
pub fn writer(scope: &Scope, bucket: &str) -> Vec<Statement> {
    let at = places(scope, bucket);
    let mut all = vec![
        // Only `If-None-Match` keeps a write from replacing what is there.
        over_tls(&at, Statement::allow("WriteOnce", "s3:PutObject", at.objects.as_str())).when(
            "Null",
            "s3:if-none-match",
            "false",
        ),
        // Starting a multipart upload and sending parts creates no object yet and cannot carry `If-None-Match`.
        over_tls(&at, Statement::allow("SendParts", "s3:PutObject", at.objects.as_str())).when(
            "Bool",
            "s3:ObjectCreationOperation",
            "false",
        ),
        over_tls(
            &at,
            Statement::allow(
                "HandleParts",
                ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
                at.objects.as_str(),
            ),
        ),
        over_tls(&at, Statement::allow("ListOwn", "s3:ListBucket", at.bucket.as_str())).when(
            "StringLike",
            "s3:prefix",
            at.prefix.as_str(),
        ),
        over_tls(&at, Statement::allow("ListUploads", "s3:ListBucketMultipartUploads", at.bucket.as_str())),
    ];
    all.extend(never(&at));
    all
}

/// The restorer reads.
#[must_use]
pub fn restore(scope: &Scope, bucket: &str) -> Vec<Statement> {
    let at = places(scope, bucket);
    let mut all = vec![
        over_tls(&at, Statement::allow("Read", ["s3:GetObject", "s3:GetObjectVersion"], at.objects.as_str())),
        over_tls(
            &at,
            Statement::allow("ListOwn", ["s3:ListBucket", "s3:ListBucketVersions"], at.bucket.as_str()),
        )
        .when("StringLike", "s3:prefix", at.prefix.as_str()),
    ];
    all.extend(never(&at));
    all
}

fn never(at: &Places) -> [Statement; 2] {
    [
        Statement::deny("NeverDestroy", DESTROY_OBJECTS, at.all_objects.as_str()),
        Statement::deny("NeverUnlock", DESTROY_BUCKET, at.bucket.as_str()),
    ]
}

/// The bucket's own policy: the same for everyone, the account's administrators included, and nothing unencrypted on
/// the way. To change it afterwards takes the account's root user.
#[must_use]
pub fn bucket_policy(scope: &Scope, bucket: &str) -> Policy {
    let at = places(scope, bucket);
    let everywhere = [at.bucket.as_str(), at.all_objects.as_str()];
    let mut all =
        vec![Statement::deny("OnlyTls", "s3:*", everywhere).when("Bool", "aws:SecureTransport", "false")];
    all.extend(never(&at));
    Policy::new(all.into_iter().map(|statement| statement.to(Principal::Everyone(Everyone::All))).collect())
}
