//! The driver for EBS volumes, in its cluster-scoped form: the driver's older policy lets it attach and change every
//! volume of the account.

use super::Scope;
use crate::policy::Statement;

/// The driver's own tag.
pub const TAG: &str = "ebs.csi.aws.com/cluster-name";

/// The driver's statements.
#[must_use]
pub fn statements(scope: &Scope) -> Vec<Statement> {
    let has = |statement| {
        scope.pinned(statement).when("StringEquals", &format!("aws:ResourceTag/{TAG}"), scope.name())
    };
    let gets = |statement| {
        scope.pinned(statement).when("StringEquals", &format!("aws:RequestTag/{TAG}"), scope.name())
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
        "ec2:CreateSnapshot",
        "ec2:DeleteVolume",
        "ec2:DetachVolume",
        "ec2:ModifyVolume",
    ];
    let volume = || scope.ec2(["volume"]);
    let snapshot = || scope.ec2(["snapshot"]);
    let from_snapshot =
        ["ec2:CreateVolume", "ec2:DeleteSnapshot", "ec2:EnableFastSnapshotRestores", "ec2:LockSnapshot"];
    let mut all = vec![
        scope.pinned(Statement::allow("Look", look, "*")),
        gets(Statement::allow("CreateVolume", ["ec2:CopyVolumes", "ec2:CreateVolume"], volume())),
        has(Statement::allow("ChangeVolume", change, volume())),
        has(Statement::allow(
            "AttachToMachine",
            ["ec2:AttachVolume", "ec2:DetachVolume"],
            scope.ec2(["instance"]),
        )),
        gets(Statement::allow("CreateSnapshot", "ec2:CreateSnapshot", snapshot())),
        has(Statement::allow("ChangeSnapshot", from_snapshot, snapshot())),
        scope
            .pinned(Statement::allow("TagWhileCreating", "ec2:CreateTags", scope.ec2(["volume", "snapshot"])))
            .when("StringEquals", "ec2:CreateAction", ["CopyVolumes", "CreateSnapshot", "CreateVolume"]),
    ];
    if let Some(key) = &scope.aws.kms_key_arn {
        let services: Vec<String> =
            scope.regions().iter().map(|region| format!("ec2.{region}.{}", scope.dns_suffix())).collect();
        all.push(
            scope
                .pinned(Statement::allow(
                    "UseKey",
                    ["kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext"],
                    key.clone(),
                ))
                .when("StringEquals", "kms:ViaService", services.clone()),
        );
        all.push(
            scope
                .pinned(Statement::allow("GrantKey", "kms:CreateGrant", key.clone()))
                .when("StringEquals", "kms:ViaService", services)
                .when("Bool", "kms:GrantIsForAWSResource", "true"),
        );
    }
    all
}
