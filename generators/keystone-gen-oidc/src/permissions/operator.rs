//! The operator that makes and removes the machines of pools.
//!
//! Not granted on purpose: `ec2:TerminateInstances` (machines go through their group, which counts them), anything
//! that creates roles, any write to the identity provider.

use super::Scope;
use crate::policy::Statement;
use crate::trust_policy::ec2_service;

/// Keys of tags that the operator may set on what it makes.
pub const TAGS: [&str; 4] =
    ["Name", "ebs.csi.aws.com/cluster-name", "keystone.systems/cluster", "keystone.systems/pool-uid"];

/// The operator's statements.
#[must_use]
pub fn statements(scope: &Scope) -> Vec<Statement> {
    let mut all = vec![look(scope)];
    all.extend(templates(scope));
    all.extend(machines(scope));
    all.extend(groups(scope));
    all.push(
        Statement::allow("PassNodeRole", "iam:PassRole", scope.iam(&format!("role/{}", scope.aws.node_role)))
            .when("StringEquals", "iam:PassedToService", ec2_service(scope.aws.partition)),
    );
    all
}

fn look(scope: &Scope) -> Statement {
    let actions = [
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeLifecycleHooks",
        "autoscaling:DescribeScalingActivities",
        "ec2:DescribeImages",
        "ec2:DescribeInstanceStatus",
        "ec2:DescribeInstanceTypeOfferings",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeInstances",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:DescribeLaunchTemplates",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
    ];
    scope.pinned(Statement::allow("Look", actions, "*"))
}

fn templates(scope: &Scope) -> Vec<Statement> {
    let template = || scope.ec2(["launch-template"]);
    let changes = [
        "ec2:CreateLaunchTemplateVersion",
        "ec2:DeleteLaunchTemplate",
        "ec2:DeleteLaunchTemplateVersions",
        "ec2:ModifyLaunchTemplate",
    ];
    let created = ["launch-template", "instance", "volume", "network-interface", "spot-instances-request"];
    vec![
        scope.tagging(Statement::allow("CreateTemplate", "ec2:CreateLaunchTemplate", template())).when(
            "ForAllValues:StringEquals",
            "aws:TagKeys",
            TAGS,
        ),
        scope.tagging(Statement::allow("TagWhileCreating", "ec2:CreateTags", scope.ec2(created))).when(
            "StringEquals",
            "ec2:CreateAction",
            ["CreateLaunchTemplate", "RunInstances"],
        ),
        scope.tagged(Statement::allow("ChangeTemplate", changes, template())),
    ]
}

/// Every resource of `RunInstances` is authorised on its own, and each has other keys in its request.
///
/// Groups start machines from the template, and IAM judges the caller of `CreateAutoScalingGroup` by these: the
/// token-only metadata service and encrypted disks are enforced here.
fn machines(scope: &Scope) -> Vec<Statement> {
    let run = |sid: &str, resource| Statement::allow(sid, "ec2:RunInstances", resource);
    let mut instance = scope
        .tagging(run("RunInstance", scope.ec2(["instance"])))
        .when("StringEquals", "ec2:MetadataHttpTokens", "required")
        .when("NumericLessThanEquals", "ec2:MetadataHttpPutResponseHopLimit", "2")
        .when(
            "ArnEqualsIfExists",
            "ec2:InstanceProfile",
            scope.iam(&format!("instance-profile/{}", scope.aws.node_role)),
        );
    // A pool that names no types leaves the choice to the operator.
    if scope.pools().next().is_some() && scope.pools().all(|pool| !pool.instance_types.is_empty()) {
        let mut types: Vec<String> = scope.pools().flat_map(|pool| pool.instance_types.clone()).collect();
        types.sort();
        types.dedup();
        instance = instance.when("StringEquals", "ec2:InstanceType", types);
    }
    let vpc: Vec<String> = scope
        .regions()
        .iter()
        .map(|region| {
            let aws = scope.aws;
            format!("arn:{}:ec2:{region}:{}:vpc/{}", aws.partition.as_str(), aws.account_id, aws.vpc_id)
        })
        .collect();
    vec![
        scope.tagged(run("RunFromTemplate", scope.ec2(["launch-template"]))),
        instance,
        scope.tagging(run("RunWithDisks", scope.ec2(["volume"]))).when("Bool", "ec2:Encrypted", "true"),
        scope.tagging(run("RunInNetwork", scope.ec2(["network-interface"]))).when(
            "ArnEquals",
            "ec2:Vpc",
            vpc,
        ),
        scope.pinned(run("RunOwnImages", scope.ec2(["image", "snapshot"]))).when(
            "StringEquals",
            "ec2:Owner",
            scope.aws.account_id.clone(),
        ),
        scope.tagged(run("RunInSubnets", scope.ec2(["subnet", "security-group"]))),
    ]
}

fn groups(scope: &Scope) -> Vec<Statement> {
    let group = scope
        .arn("autoscaling", &format!("autoScalingGroup:*:autoScalingGroupName/keystone-{}-*", scope.name()));
    let mut create = scope
        .tagging(Statement::allow("CreateGroup", "autoscaling:CreateAutoScalingGroup", group.clone()))
        .when("NumericLessThanEquals", "autoscaling:MaxSize", scope.aws.max_group_size.to_string())
        .when("Bool", "autoscaling:LaunchTemplateVersionSpecified", "true");
    let mut subnets: Vec<String> = scope.pools().flat_map(|pool| pool.subnets.clone()).collect();
    subnets.sort();
    subnets.dedup();
    if !subnets.is_empty() {
        // `ForAllValues` holds for a request without subnets too.
        create = create.when("ForAllValues:StringEquals", "autoscaling:VPCZoneIdentifiers", subnets).when(
            "Null",
            "autoscaling:VPCZoneIdentifiers",
            "false",
        );
    }
    let changes = [
        "autoscaling:CompleteLifecycleAction",
        "autoscaling:CreateOrUpdateTags",
        "autoscaling:DeleteAutoScalingGroup",
        "autoscaling:PutLifecycleHook",
        "autoscaling:RecordLifecycleActionHeartbeat",
        "autoscaling:ResumeProcesses",
        "autoscaling:SetDesiredCapacity",
        "autoscaling:SetInstanceProtection",
        "autoscaling:SuspendProcesses",
        "autoscaling:TerminateInstanceInAutoScalingGroup",
        "autoscaling:UpdateAutoScalingGroup",
    ];
    vec![
        create,
        scope.tagged(Statement::allow("ChangeGroup", changes, group.clone())),
        // A forced deletion ends all machines at once, undrained.
        Statement::deny("NeverForce", "autoscaling:DeleteAutoScalingGroup", group).when(
            "Bool",
            "autoscaling:ForceDelete",
            "true",
        ),
    ]
}
