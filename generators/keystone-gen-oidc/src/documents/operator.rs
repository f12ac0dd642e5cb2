//! The role that makes and removes machines of pools.
//!
//! Auto-scaling checks the caller's right to `ec2:RunInstances` when a group with a launch template is made or changed,
//! so what the statements on `ec2:RunInstances` ask for (metadata by token only, encryption, own images) holds for machines that a
//! group starts too. Not granted: `ec2:TerminateInstances` (groups do that), anything that makes roles or
//! service-linked roles, and anything about identity providers.

use super::scope::{AT_MOST, BOOL, CLUSTER_TAG, Conditions as _, NULL, STRING, Scope};
use crate::aws::Pools;
use crate::policy::{Operator, Statement, Test};

/// Tags that a launch template may have.
const TEMPLATE_TAGS: [&str; 4] = [CLUSTER_TAG, "keystone.systems/pool", "keystone.systems/pool-uid", "Name"];

pub(super) fn statements(scope: &Scope<'_>, pools: &Pools) -> Vec<Statement> {
    let mut statements = vec![look(scope)];
    statements.extend(templates(scope));
    statements.extend(machines(scope, pools));
    statements.extend(groups(scope, pools));
    statements.push(pass_role(scope, pools));
    if let Some(queue) = &pools.interruption_queue {
        let arn = format!("arn:{}:sqs:*:{}:{queue}", scope.aws.partition.as_str(), scope.aws.account_id);
        let actions =
            ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"];
        statements.push(Statement::allow("HearOfInterruptions", &actions).on([arn]).in_regions(scope));
    }
    statements
}

/// None of these knows a resource, nor a condition key of its own but the region.
fn look(scope: &Scope<'_>) -> Statement {
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
    Statement::allow("Look", &actions).on(["*"]).in_regions(scope)
}

fn templates(scope: &Scope<'_>) -> [Statement; 3] {
    let templates = || scope.ec2("launch-template/*");
    let made_by_us =
        ["instance/*", "launch-template/*", "network-interface/*", "spot-instances-request/*", "volume/*"];
    let change = [
        "ec2:CreateLaunchTemplateVersion",
        "ec2:DeleteLaunchTemplate",
        "ec2:DeleteLaunchTemplateVersions",
        "ec2:ModifyLaunchTemplate",
    ];
    [
        Statement::allow("MakeTemplates", &["ec2:CreateLaunchTemplate"])
            .on([templates()])
            .tagging(scope)
            .when(Operator::for_all(Test::StringEquals), "aws:TagKeys", TEMPLATE_TAGS)
            .in_regions(scope),
        // Without `ec2:CreateAction` one could tag foreign machines as this cluster's, and then remove them.
        Statement::allow("TagWhatIsMade", &["ec2:CreateTags"])
            .on(made_by_us.map(|resource| scope.ec2(resource)))
            .tagging(scope)
            .when(STRING, "ec2:CreateAction", ["CreateLaunchTemplate", "RunInstances"])
            .in_regions(scope),
        Statement::allow("ChangeTemplates", &change).on([templates()]).tagged(scope).in_regions(scope),
    ]
}

/// `ec2:RunInstances` is authorised once for each resource of the request, each of which knows other keys.
fn machines(scope: &Scope<'_>, pools: &Pools) -> Vec<Statement> {
    let run = |sid: &str| Statement::allow(sid, &["ec2:RunInstances"]);
    let profile = scope.iam(&format!("instance-profile/{}", pools.node_role));
    let mut instance = run("RunInstances")
        .on([scope.ec2("instance/*")])
        .tagging(scope)
        .when(STRING, "ec2:MetadataHttpTokens", ["required"])
        .when(AT_MOST, "ec2:MetadataHttpPutResponseHopLimit", ["2"])
        // A machine may have no profile; then it joins by its instance identity document.
        .when(Operator::if_exists(Test::ArnEquals), "ec2:InstanceProfile", [profile])
        .in_regions(scope);
    if !pools.instance_types.is_empty() {
        instance = instance.when(STRING, "ec2:InstanceType", pools.instance_types.iter().map(String::as_str));
    }
    let vpc = scope.ec2(&format!("vpc/{}", pools.vpc_id));
    vec![
        run("RunFromTemplates").on([scope.ec2("launch-template/*")]).tagged(scope).in_regions(scope),
        instance,
        run("RunWithVolumes")
            .on([scope.ec2("volume/*")])
            .tagging(scope)
            .when(BOOL, "ec2:Encrypted", ["true"])
            .in_regions(scope),
        run("RunWithInterfaces")
            .on([scope.ec2("network-interface/*")])
            .tagging(scope)
            .when(Operator::plain(Test::ArnLike), "ec2:Vpc", [vpc])
            .in_regions(scope),
        run("RunAsSpot").on([scope.ec2("spot-instances-request/*")]).tagging(scope).in_regions(scope),
        run("RunOwnImages")
            .on([scope.shared("image/*"), scope.shared("snapshot/*")])
            .when(STRING, "ec2:Owner", [scope.aws.account_id.as_str()])
            .in_regions(scope),
        // Whoever sets up the network tags its subnets and security groups once.
        run("RunInNetwork")
            .on([scope.ec2("security-group/*"), scope.ec2("subnet/*")])
            .tagged(scope)
            .in_regions(scope),
    ]
}

fn groups(scope: &Scope<'_>, pools: &Pools) -> [Statement; 4] {
    const SIZE: &str = "autoscaling:MaxSize";
    const VERSION: &str = "autoscaling:LaunchTemplateVersionSpecified";
    const SUBNETS: &str = "autoscaling:VPCZoneIdentifiers";
    let subnets = || pools.subnets.iter().map(String::as_str);
    let all_of = Operator::for_all(Test::StringEquals);
    let size = pools.max_group_size.to_string();
    let change = [
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
    ];
    [
        Statement::allow("MakeGroups", &["autoscaling:CreateAutoScalingGroup"])
            .on([scope.groups()])
            .tagging(scope)
            .when(AT_MOST, SIZE, [size.as_str()])
            .when(BOOL, VERSION, ["true"])
            .when(all_of, SUBNETS, subnets())
            // `ForAllValues` holds for a request without any subnet, which would mean the default network.
            .when(NULL, SUBNETS, ["false"])
            .in_regions(scope),
        // A request that changes something else has none of these keys. One that has them keeps to the same limits, or
        // what holds for a new group would not hold a minute later.
        Statement::allow("ResizeGroups", &["autoscaling:UpdateAutoScalingGroup"])
            .on([scope.groups()])
            .tagged(scope)
            .when(Operator::if_exists(Test::NumericLessThanEquals), SIZE, [size.as_str()])
            .when(Operator::if_exists(Test::Bool), VERSION, ["true"])
            .when(all_of, SUBNETS, subnets())
            .in_regions(scope),
        Statement::allow("ChangeGroups", &change).on([scope.groups()]).tagged(scope).in_regions(scope),
        // By force, machines go without being drained.
        Statement::deny("NeverByForce", &["autoscaling:DeleteAutoScalingGroup"]).on(["*"]).when(
            BOOL,
            "autoscaling:ForceDelete",
            ["true"],
        ),
    ]
}

/// IAM is global, so there is no region to ask for.
fn pass_role(scope: &Scope<'_>, pools: &Pools) -> Statement {
    Statement::allow("GiveMachinesTheirRole", &["iam:PassRole"])
        .on([scope.iam(&format!("role/{}", pools.node_role))])
        .when(STRING, "iam:PassedToService", scope.aws.partition.service_names("ec2"))
}
