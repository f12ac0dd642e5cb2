//! Trust policies: who may take a role.

use super::{Problem, Violation, Violations};
use crate::policy::{
    Effect, FederatedPrincipal, Operator, Policy, Principal, ServicePrincipal, Statement, Test, VERSION,
};

/// Judges a trust policy: a service of AWS, or exactly named service accounts of one provider, told by `sub` and `aud`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn trust(policy: &Policy) -> Result<(), Violations> {
    let mut violations = Vec::new();
    if policy.version != VERSION {
        let problem = Problem::Version(policy.version.clone());
        violations.push(Violation { statement: "the document".to_owned(), problem });
    }
    if policy.statement.is_empty() {
        violations
            .push(Violation { statement: "the document".to_owned(), problem: Problem::Lacks("statement") });
    }
    for (index, statement) in policy.statement.iter().enumerate() {
        if let Err(problem) = judge(statement) {
            violations.push(Violation { statement: statement.title(index), problem });
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(Violations(violations)) }
}

fn judge(statement: &Statement) -> Result<(), Problem> {
    if statement.effect != Effect::Allow {
        return Err(Problem::Trust("denies; a trust policy says who is let in".to_owned()));
    }
    if !statement.resource.is_empty() {
        return Err(Problem::Trust("names a resource; the role itself is meant".to_owned()));
    }
    match &statement.principal {
        Some(Principal::Federated(FederatedPrincipal { federated })) => {
            only(statement, "sts:AssumeRoleWithWebIdentity")?;
            web_identity(statement, federated)
        }
        Some(Principal::Service(ServicePrincipal { service })) => {
            only(statement, "sts:AssumeRole")?;
            let fits = service.strip_suffix(".cn").unwrap_or(service).strip_suffix(".amazonaws.com");
            if fits.is_none_or(|name| name.is_empty() || name.contains(['*', '.'])) {
                return Err(Problem::Trust(format!("trusts `{service}`, which is no service of AWS")));
            }
            Ok(())
        }
        Some(Principal::Everyone(_)) => Err(Problem::Trust("lets everyone in".to_owned())),
        None => Err(Problem::Trust("does not say who is let in".to_owned())),
    }
}

fn only(statement: &Statement, action: &str) -> Result<(), Problem> {
    if statement.action == [action] {
        return Ok(());
    }
    Err(Problem::Trust(format!("allows {}; it must be `{action}`", statement.action.join(", "))))
}

fn web_identity(statement: &Statement, federated: &str) -> Result<(), Problem> {
    const TEMPLATE: &str = "arn:${Partition}:iam::${Account}:oidc-provider/${OidcProviderNameWithPath}";
    if !crate::arn::names(federated, TEMPLATE) || federated.contains('*') {
        return Err(Problem::Trust(format!(
            "trusts `{federated}`, which is no ARN of an OpenID Connect provider"
        )));
    }
    let provider = federated.split_once(":oidc-provider/").map_or("", |(_, provider)| provider);
    let wanted = [format!("{provider}:aud"), format!("{provider}:sub")];
    for (operator, keys) in &statement.condition {
        for (key, values) in keys {
            if !wanted.contains(key) {
                return Err(Problem::Trust(format!(
                    "has a condition on `{key}`; tokens of this provider have {}",
                    wanted.each_ref().map(|key| format!("`{key}`")).join(" and ")
                )));
            }
            if *operator != Operator::plain(Test::StringEquals) {
                return Err(Problem::Trust(format!(
                    "compares `{key}` with `{operator}`; only `StringEquals` lets in nobody else"
                )));
            }
            if let Some(value) = values.0.iter().find(|value| value.contains(['*', '?']) || value.is_empty())
            {
                return Err(Problem::Trust(format!(
                    "compares `{key}` with `{value}`; name each one in full"
                )));
            }
        }
    }
    let equals = statement.condition.get(&Operator::plain(Test::StringEquals));
    let missing = wanted
        .iter()
        .find(|key| equals.and_then(|keys| keys.get(*key)).is_none_or(|values| values.0.is_empty()));
    match missing {
        Some(key) => {
            Err(Problem::Trust(format!("does not compare `{key}`, so every token of the provider passes it")))
        }
        None => Ok(()),
    }
}
