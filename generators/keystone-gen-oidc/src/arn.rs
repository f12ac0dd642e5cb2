//! ARNs: which of them can name a resource of a given type.

use crate::aws::Partition;

/// Whether `pattern`, an ARN in a policy with or without `*`, names resources of the type whose ARNs look like
/// `template` (`arn:${Partition}:ec2:${Region}:${Account}:instance/${InstanceId}`).
///
/// `*` stands for a variable of the template, or a part of one, and never for the fixed text between: a pattern like
/// `arn:aws:ec2:*:*:*` names no type at all.
#[must_use]
pub fn names(pattern: &str, template: &str) -> bool {
    let pattern: Vec<&str> = pattern.splitn(6, ':').collect();
    let template: Vec<&str> = template.splitn(6, ':').collect();
    let (
        [arn, partition, service, region, account, rest],
        [_, _, of_service, of_region, of_account, of_rest],
    ) = (pattern.as_slice(), template.as_slice())
    else {
        return false;
    };
    *arn == "arn"
        && Partition::ALL.iter().any(|known| known.as_str() == *partition)
        && service == of_service
        && field(region, of_region, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && (field(account, of_account, |b| b.is_ascii_digit()))
        && rest_matches(rest, of_rest)
}

/// Region or account: a variable takes `*` or text of its alphabet, everything else must be equal.
fn field(text: &str, template: &str, alphabet: impl Fn(u8) -> bool) -> bool {
    if template.starts_with("${") {
        text == "*" || (!text.is_empty() && text.bytes().all(alphabet))
    } else {
        text == template
    }
}

fn rest_matches(text: &str, template: &str) -> bool {
    let Some((fixed, tail)) = template.split_once("${") else { return text == template };
    let (Some(text), Some((variable, tail))) = (text.strip_prefix(fixed), tail.split_once('}')) else {
        return false;
    };
    // Names of most things hold no separator; paths of roles and keys of objects do.
    let with_slashes = variable.ends_with("WithPath") || variable == "ObjectName";
    let longest = text.find(|c| c == ':' || (c == '/' && !with_slashes)).unwrap_or(text.len());
    (1..=longest).filter(|end| text.is_char_boundary(*end)).any(|end| rest_matches(&text[end..], tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTANCE: &str = "arn:${Partition}:ec2:${Region}:${Account}:instance/${InstanceId}";
    const IMAGE: &str = "arn:${Partition}:ec2:${Region}::image/${ImageId}";
    const GROUP: &str = "arn:${Partition}:autoscaling:${Region}:${Account}:autoScalingGroup:${GroupId}:autoScalingGroupName/${GroupFriendlyName}";
    const BUCKET: &str = "arn:${Partition}:s3:::${BucketName}";
    const OBJECT: &str = "arn:${Partition}:s3:::${BucketName}/${ObjectName}";

    #[test]
    fn an_arn_names_its_type() {
        for (arn, template) in [
            ("arn:aws:ec2:*:123456789012:instance/*", INSTANCE),
            ("arn:aws-us-gov:ec2:us-gov-west-1:123456789012:instance/i-0a1b", INSTANCE),
            ("arn:aws:ec2:*::image/*", IMAGE),
            (
                "arn:aws:autoscaling:*:123456789012:autoScalingGroup:*:autoScalingGroupName/keystone-c-*",
                GROUP,
            ),
            ("arn:aws:s3:::bucket", BUCKET),
            ("arn:aws:s3:::bucket/production/*", OBJECT),
        ] {
            assert!(names(arn, template), "{arn}");
        }
    }

    #[test]
    fn an_arn_names_no_other_type() {
        for (arn, template) in [
            ("arn:aws:ec2:*:123456789012:volume/*", INSTANCE),
            ("arn:aws:ec2:*:123456789012:*", INSTANCE),
            ("arn:aws:ec2:*:123456789012:*/*", INSTANCE),
            ("arn:aws:ec2:*:123456789012:instance/", INSTANCE),
            ("arn:aws:ec2:*:123456789012:instance/a/b", INSTANCE),
            ("arn:aws:ec2:*::instance/*", INSTANCE),
            ("arn:aws:ec2::123456789012:instance/*", INSTANCE),
            ("arn:aws:ec2:*:12345678901x:instance/*", INSTANCE),
            ("arn:*:ec2:*:123456789012:instance/*", INSTANCE),
            ("arn:aws:ec2:*:123456789012:image/*", IMAGE),
            ("arn:aws:s3:::bucket", OBJECT),
            ("arn:aws:s3:::bucket/key", BUCKET),
            ("bucket", BUCKET),
            ("", INSTANCE),
        ] {
            assert!(!names(arn, template), "{arn}");
        }
    }
}
