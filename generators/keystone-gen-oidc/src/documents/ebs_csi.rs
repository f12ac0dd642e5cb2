//! The role of the EBS driver: volumes and snapshots of this cluster, by the tag that the driver sets on all it makes
//! and that the launch templates set on machines.
//!
//! The driver's older example policy lets it attach and change every volume of the account.

use super::scope::{BOOL, CSI_TAG, Conditions as _, STRING, Scope};
use crate::policy::Statement;

pub(super) fn statements(scope: &Scope<'_>) -> Vec<Statement> {
    let (volumes, instances) = (|| scope.ec2("volume/*"), || scope.ec2("instance/*"));
    let snapshots = || scope.shared("snapshot/*");
    let made = |statement: Statement| {
        statement.when(STRING, &format!("aws:RequestTag/{CSI_TAG}"), [scope.cluster]).in_regions(scope)
    };
    let owned = |statement: Statement| {
        statement.when(STRING, &format!("aws:ResourceTag/{CSI_TAG}"), [scope.cluster]).in_regions(scope)
    };
    let look = [
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeInstances",
        "ec2:DescribeSnapshots",
        "ec2:DescribeVolumeStatus",
        "ec2:DescribeVolumes",
        "ec2:DescribeVolumesModifications",
    ];
    let change = [
        "ec2:AttachVolume",
        "ec2:CopyVolumes",
        "ec2:CreateSnapshot",
        "ec2:DeleteVolume",
        "ec2:DetachVolume",
        "ec2:ModifyVolume",
    ];
    let restore =
        ["ec2:CreateVolume", "ec2:DeleteSnapshot", "ec2:EnableFastSnapshotRestores", "ec2:LockSnapshot"];
    let mut statements = vec![
        Statement::allow("Look", &look).on(["*"]).in_regions(scope),
        made(Statement::allow("MakeVolumes", &["ec2:CopyVolumes", "ec2:CreateVolume"]).on([volumes()])),
        owned(Statement::allow("ChangeVolumes", &change).on([volumes()])),
        owned(
            Statement::allow("AttachToMachines", &["ec2:AttachVolume", "ec2:DetachVolume"]).on([instances()]),
        ),
        made(Statement::allow("MakeSnapshots", &["ec2:CreateSnapshot"]).on([snapshots()])),
        owned(Statement::allow("ChangeSnapshots", &restore).on([snapshots()])),
        Statement::allow("TagWhatIsMade", &["ec2:CreateTags"])
            .on([volumes(), snapshots()])
            .when(STRING, "ec2:CreateAction", ["CopyVolumes", "CreateSnapshot", "CreateVolume"])
            .in_regions(scope),
    ];
    if let Some(key) = &scope.aws.kms_key {
        statements.extend(keys(scope, key));
    }
    statements
}

/// Volumes with a key of the account's own. Only `kms:CreateGrant` knows `kms:GrantIsForAWSResource`.
fn keys(scope: &Scope<'_>, key: &str) -> [Statement; 2] {
    let services = || {
        let regions = scope.aws.regions.iter();
        regions.flat_map(|region| scope.aws.partition.service_names(&format!("ec2.{region}")))
    };
    [
        Statement::allow("UseKey", &["kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext"]).on([key]).when(
            STRING,
            "kms:ViaService",
            services(),
        ),
        Statement::allow("LendKey", &["kms:CreateGrant"])
            .on([key])
            .when(STRING, "kms:ViaService", services())
            .when(BOOL, "kms:GrantIsForAWSResource", ["true"]),
    ]
}
