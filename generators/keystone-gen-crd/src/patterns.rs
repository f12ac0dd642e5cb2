//! Regular expressions of the API, in the subset that Go's `regexp` and Rust's `regex` share.
//!
//! The API server compiles them with Go's `regexp`; neither knows look-around.

/// A Go duration of whole hours, minutes and seconds, largest unit first.
pub const DURATION: &str = "^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$";
/// Five cron fields in UTC, or one of the `@` names.
pub const CRON: &str =
    r"^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|([0-9A-Z*/,-]+ ){4}[0-9A-Z*/,-]+)$";
/// Whole per cent, for fields that are a number or a share.
pub const PERCENT: &str = "^(100|[0-9]{1,2})%$";
/// A Kubernetes minor (`1.36`) or patch release (`1.36.3`).
pub const KUBERNETES_VERSION: &str = r"^1\.[0-9]{1,2}(\.[0-9]{1,3})?$";
/// A path in the Nix store; the hash uses Nix's own base-32 alphabet, which has no e, o, t and u.
pub const STORE_PATH: &str = r"^/nix/store/[0-9abcdfghijklmnpqrsvwxyz]{32}-[0-9A-Za-z+._?=-]{1,211}$";
/// A flake reference without blanks.
pub const FLAKE_REF: &str = r"^[^\s]+$";
/// The key of a label or taint: an optional DNS prefix and a name.
pub const LABEL_KEY: &str =
    "^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$";
/// The value of a label or taint; may be empty.
pub const LABEL_VALUE: &str = "^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$";
/// A DNS label, the form of namespaces and of most names.
pub const DNS_LABEL: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
/// A DNS subdomain, the form of service-account and Secret names.
pub const DNS_SUBDOMAIN: &str = "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$";
/// An https URL with host, optional port and optional path; no user, query or fragment.
pub const HTTPS_URL: &str =
    r"^https://[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~/%-]*)?$";
/// A Headscale tag.
pub const HEADSCALE_TAG: &str = "^tag:[a-z]([a-z0-9-]{0,61}[a-z0-9])?$";
/// An AWS region of any partition.
pub const AWS_REGION: &str = "^[a-z]{2,4}(-[a-z]{2,12}){1,3}-[0-9]{1,2}$";
/// The ARN of an IAM role; the partition is one that exists.
pub const ROLE_ARN: &str = concat!(
    "^arn:(aws|aws-cn|aws-us-gov|aws-iso|aws-iso-b|aws-iso-e|aws-iso-f|aws-eusc):iam::[0-9]{12}:role/",
    "([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}$"
);
/// The name (not the ARN) of an instance profile.
pub const INSTANCE_PROFILE: &str = "^[A-Za-z0-9_+=,.@-]{1,128}$";
/// A KMS key as ARN, alias, or key id.
pub const KMS_KEY: &str = concat!(
    "^(arn:(aws|aws-cn|aws-us-gov|aws-iso|aws-iso-b|aws-iso-e|aws-iso-f|aws-eusc):kms:[a-z0-9-]+:[0-9]{12}:",
    "(key|alias)/[A-Za-z0-9/_-]+|alias/[A-Za-z0-9/_-]+|mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$"
);
/// An Amazon Machine Image.
pub const AMI_ID: &str = "^ami-[0-9a-f]{8,17}$";
/// A path in the SSM parameter store.
pub const SSM_PARAMETER: &str = "^(/[A-Za-z0-9_.-]+)+$";
/// Who owns an image: this account, Amazon, or an account number.
pub const AMI_OWNER: &str = "^(self|amazon|[0-9]{12})$";
/// An EC2 instance type.
pub const INSTANCE_TYPE: &str = r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$";
/// An EC2 instance type in which `*` stands for any text.
pub const INSTANCE_TYPE_GLOB: &str = r"^[a-z0-9*.-]+$";
/// A subnet.
pub const SUBNET_ID: &str = "^subnet-[0-9a-f]{8,17}$";
/// A security group.
pub const SECURITY_GROUP_ID: &str = "^sg-[0-9a-f]{8,17}$";
/// A price in US dollars.
pub const PRICE: &str = r"^[0-9]{1,4}(\.[0-9]{1,5})?$";
/// An SQS queue.
pub const QUEUE_URL: &str =
    r"^https://sqs\.[a-z0-9-]+\.amazonaws\.(com|com\.cn|eu)/[0-9]{12}/[A-Za-z0-9_-]{1,80}(\.fifo)?$";
/// A ZFS pool name as `zpool create` takes it, kept to lower case.
pub const ZPOOL: &str = "^[a-z][a-z0-9_-]{0,30}$";
/// An Ethernet address in the form that Linux prints.
pub const MAC: &str = "^([0-9a-f]{2}:){5}[0-9a-f]{2}$";
/// A whole disk under a name that survives a reboot.
pub const DISK_BY_ID: &str = "^/dev/disk/by-id/[A-Za-z0-9._:+-]+$";
/// An S3 bucket name; `..` and IP addresses are refused by rules of their own.
pub const BUCKET: &str = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$";
/// The id of a lifecycle rule.
pub const LIFECYCLE_ID: &str = "^[A-Za-z0-9._-]+$";

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        regex::Regex::new(pattern).unwrap().is_match(text)
    }

    #[test]
    fn partitions_and_regions_of_every_kind_are_known() {
        for region in ["us-west-2", "us-gov-east-1", "cn-northwest-1", "eusc-de-east-1", "us-isob-east-1"] {
            assert!(matches(AWS_REGION, region), "{region}");
        }
        assert!(!matches(AWS_REGION, "us-west-2a"), "an availability zone is no region");
        assert!(matches(ROLE_ARN, "arn:aws-us-gov:iam::123456789012:role/keystone/operator"));
        assert!(!matches(ROLE_ARN, "arn:aws-mars:iam::123456789012:role/operator"));
        assert!(!matches(ROLE_ARN, "arn:aws:iam::123456789012:user/operator"));
    }

    #[test]
    fn durations_are_whole_units_in_order() {
        assert!(matches(DURATION, "1h30m"));
        assert!(!matches(DURATION, "30m1h"));
        assert!(!matches(DURATION, "1.5h"));
        assert!(!matches(DURATION, "15"));
    }

    #[test]
    fn disks_and_instance_types_are_exact() {
        assert!(matches(DISK_BY_ID, "/dev/disk/by-id/nvme-eui.0025385b11b1f3a2"));
        assert!(!matches(DISK_BY_ID, "/dev/sda"));
        assert!(!matches(DISK_BY_ID, "/dev/disk/by-id/../../sda"));
        for kind in ["m5.large", "m7i-flex.large", "u-6tb1.metal", "mac2-m2pro.metal"] {
            assert!(matches(INSTANCE_TYPE, kind), "{kind}");
        }
    }

    #[test]
    fn urls_are_https_without_query() {
        assert!(matches(HTTPS_URL, "https://primer.cluster.local:8080"));
        assert!(!matches(HTTPS_URL, "http://primer.cluster.local:8080"));
        assert!(!matches(HTTPS_URL, "https://user@primer.cluster.local"));
        assert!(!matches(HTTPS_URL, "https://primer.cluster.local/?a=b"));
    }
}
