//! Backups: who writes cannot read, who reads cannot write, and nobody removes.
//!
//! Backups are versioned, locked by the bucket's default retention (compliance mode), and expire by its lifecycle alone.
//! The bucket is bound to one region by its name, so no statement asks for a region.

use super::scope::{BOOL, NULL, Scope};
use crate::policy::{Operator, Policy, Principal, Star, Statement, Test};

/// What would undo a backup before its time.
const ERASING: [&str; 2] = ["s3:BypassGovernanceRetention", "s3:DeleteObjectVersion"];
/// What would let somebody undo backups later. Deleting the bucket's policy undoes it just as replacing it does.
const LOOSENING: [&str; 5] = [
    "s3:DeleteBucketPolicy",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketPolicy",
    "s3:PutBucketVersioning",
    "s3:PutLifecycleConfiguration",
];
const TLS: &str = "s3:TlsVersion";
const OLDEST_TLS: &str = "1.2";
const LIST: Operator = Operator::plain(Test::StringLike);

struct Place {
    bucket: String,
    own: String,
    all: String,
    prefix: String,
}

impl Place {
    fn of(scope: &Scope<'_>, bucket: &str) -> Self {
        let bucket = format!("arn:{}:s3:::{bucket}", scope.aws.partition.as_str());
        Self {
            own: format!("{bucket}/{}/*", scope.cluster),
            all: format!("{bucket}/*"),
            prefix: format!("{}/*", scope.cluster),
            bucket,
        }
    }

    /// Said on the roles too, so that it holds before the bucket has its policy.
    fn never(&self) -> [Statement; 2] {
        [
            Statement::deny("NeverErase", &ERASING).on([self.all.as_str()]),
            Statement::deny("NeverLoosen", &LOOSENING).on([self.bucket.as_str()]),
        ]
    }
}

pub(super) fn writer(scope: &Scope<'_>, bucket: &str) -> Vec<Statement> {
    let place = Place::of(scope, bucket);
    let modern = |statement: Statement| {
        statement.when(Operator::plain(Test::NumericGreaterThanEquals), TLS, [OLDEST_TLS])
    };
    let mut statements = vec![
        // `If-None-Match: *` fails where there is an object already: written once, then left alone.
        modern(Statement::allow("WriteOnce", &["s3:PutObject"]).on([place.own.as_str()]).when(
            NULL,
            "s3:if-none-match",
            ["false"],
        )),
        // Starting an upload in parts and sending one makes no object and knows no `If-None-Match`; its completion
        // does.
        modern(Statement::allow("WriteParts", &["s3:PutObject"]).on([place.own.as_str()]).when(
            BOOL,
            "s3:ObjectCreationOperation",
            ["false"],
        )),
        Statement::allow("MindParts", &["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"])
            .on([place.own.as_str()]),
        Statement::allow("List", &["s3:ListBucket"]).on([place.bucket.as_str()]).when(
            LIST,
            "s3:prefix",
            [place.prefix.as_str()],
        ),
        // This action knows no `s3:prefix`: it shows the names of all unfinished uploads.
        Statement::allow("ListUploads", &["s3:ListBucketMultipartUploads"]).on([place.bucket.as_str()]),
    ];
    statements.extend(place.never());
    statements
}

pub(super) fn restore(scope: &Scope<'_>, bucket: &str) -> Vec<Statement> {
    let place = Place::of(scope, bucket);
    let mut statements = vec![
        Statement::allow("Read", &["s3:GetObject", "s3:GetObjectVersion"]).on([place.own.as_str()]),
        Statement::allow("List", &["s3:ListBucket", "s3:ListBucketVersions"])
            .on([place.bucket.as_str()])
            .when(LIST, "s3:prefix", [place.prefix.as_str()]),
    ];
    statements.extend(place.never());
    statements
}

/// The bucket's own policy: it binds everyone, administrators of the account included. Only the account's root user can
/// take it off again, so S3 asks for `--confirm-remove-self-bucket-access` when it is put, and retention and lifecycle
/// must be set before.
pub(super) fn bucket(scope: &Scope<'_>, bucket: &str) -> Policy {
    let place = Place::of(scope, bucket);
    let everything = [place.bucket.as_str(), place.all.as_str()];
    let mut statements = vec![
        Statement::deny("NeverInTheClear", &["s3:*"]).on(everything).when(
            BOOL,
            "aws:SecureTransport",
            ["false"],
        ),
        Statement::deny("NeverByOldTls", &["s3:*"]).on(everything).when(
            Operator::plain(Test::NumericLessThan),
            TLS,
            [OLDEST_TLS],
        ),
        Statement::deny("NeverOverwrite", &["s3:PutObject"])
            .on([place.own.as_str()])
            .when(NULL, "s3:if-none-match", ["true"])
            .when(BOOL, "s3:ObjectCreationOperation", ["true"]),
    ];
    statements.extend(place.never());
    Policy::new(
        statements.into_iter().map(|statement| statement.by(Principal::Everyone(Star::Star))).collect(),
    )
}
