//! `docs/reference/certificates.md`, written from the tables.

use std::fmt::Write as _;

use keystone_model::{Authority, Cluster};

use super::authority::{
    CROSS_DAYS, INTERMEDIATE_DAYS, INTERMEDIATE_PATH_LENGTH, INTERMEDIATES, ROOT_DAYS, ROOT_PATH_LENGTH,
    constraints, intermediate_subject, root_subject,
};
use super::consumer::{CONSUMERS, Revocation};
use super::leaf::{Holders, Name, PROFILES, Profile, Word};

impl std::fmt::Display for Holders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Roles(roles) => {
                let names: Vec<_> = roles.iter().map(|role| format!("`{role}`")).collect();
                write!(f, "machines with the role {}", names.join(", "))
            }
            Self::MeshServers => {
                f.write_str("primers and control-plane nodes with an endpoint, if `mesh.tls.mode` is `files`")
            }
            Self::Machines => f.write_str("all machines"),
            Self::People => f.write_str("all people"),
            Self::Admins => f.write_str("administrators"),
        }
    }
}

fn words(words: &[Word]) -> String {
    words
        .iter()
        .map(|word| match word {
            Word::Text(text) => (*text).to_owned(),
            Word::Name => "<name>".to_owned(),
            Word::MeshName => "<name>.<mesh.baseDomain>".to_owned(),
            Word::RelayName => "<name>.<mesh.relay.domain>".to_owned(),
            Word::UrlHost => "<host of mesh.url>".to_owned(),
            Word::ApiName => "<kubernetes.apiName>.<mesh.baseDomain>".to_owned(),
            Word::ClusterDomain => "<kubernetes.clusterDomain>".to_owned(),
            Word::Email => "<email>".to_owned(),
            Word::ServiceAddress => "<first of kubernetes.serviceCidr>".to_owned(),
        })
        .collect()
}

fn row(profile: &Profile) -> String {
    let organisation = profile.organisation.map(|o| format!("O={o}, ")).unwrap_or_default();
    let names: Vec<_> = profile
        .alt_names
        .iter()
        .map(|name| match name {
            Name::Dns(dns) => format!("`DNS:{}`", words(dns)),
            Name::Ip(ip) => format!("`IP:{}`", words(ip)),
            Name::Email(email) => format!("`email:{}`", words(email)),
        })
        .collect();
    let usages: Vec<_> = profile.usages.iter().map(ToString::to_string).collect();
    format!(
        "| `{}` | {} | {} | `{organisation}CN={}` | {} | {} | {} d | {} |\n",
        profile.name,
        profile.authority.as_str(),
        profile.holders,
        words(profile.common_name),
        names.join(" "),
        usages.join(", "),
        profile.days,
        profile.purpose,
    )
}

const HEAD: &str = "\
# Certificates

<!-- Rendered by keystone-pki. Do not edit: `UPDATE_GOLDEN=1 cargo test -p keystone-pki --test reference` writes it. -->

Every certificate of a cluster, who signs it, and who believes it. What a certificate says follows from these tables and
the inventory, never from what somebody asks for; of a request to sign only the key is taken. [Trust
model](../explanation/trust-model.md) says who can make which of them.

## Who believes whom

Clients are believed by the bundle of exactly one intermediate, never by the root: under the root, any certificate with
`O=system:masters` would rule the cluster, whichever intermediate signed it. A bundle holds the intermediate in use and its
successors. Where no list is read, a certificate is taken back by replacing its intermediate and taking that out of the
bundle; kube-apiserver has no setting for a list.

| who | setting | bundle | checks | taken back by |
|---|---|---|---|---|
";

/// The page, with the names of `cluster` as examples.
#[must_use]
pub fn reference(cluster: &Cluster) -> String {
    let mut page = HEAD.to_owned();
    for c in CONSUMERS {
        let revocation = match c.revocation {
            Revocation::List(setting) => format!("a list: {setting}"),
            Revocation::Replacement => "replacing the intermediate".to_owned(),
        };
        let kind = if c.clients { "clients: " } else { "servers: " };
        let (bundle, checks) = (c.bundle.as_str(), c.checks);
        let _ =
            writeln!(page, "| {} | {} | {bundle} | {kind}{checks} | {revocation} |", c.consumer, c.setting);
    }
    let _ = write!(
        page,
        "\n## Authorities\n\nThe root is an Ed25519 key that exists in shares only; the others are P-256, as browsers, AWS and \
         old Java and Python refuse Ed25519.\nEach generation has a name of its own. Examples are of the cluster `{}`.\n\n\
         | authority | subject | signed by | authorities below it | valid | may sign for |\n|---|---|---|---|---|---|\n",
        cluster.cluster.name
    );
    let _ = writeln!(
        page,
        "| root | `{}` | itself, by quorum | {ROOT_PATH_LENGTH} | {ROOT_DAYS} d | anything |",
        root_subject(cluster, 1)
    );
    let _ = writeln!(
        page,
        "| root, vouched for by another generation | `{}` | `{}`, by quorum; and the other way round | {} | \
         {CROSS_DAYS} d | anything |",
        root_subject(cluster, 2),
        root_subject(cluster, 1),
        ROOT_PATH_LENGTH - 1,
    );
    for authority in INTERMEDIATES {
        let _ = writeln!(
            page,
            "| {} | `{}` | root, by quorum | {INTERMEDIATE_PATH_LENGTH} | {INTERMEDIATE_DAYS} d | {} |",
            authority.as_str(),
            intermediate_subject(cluster, authority, 1),
            constraints(cluster, authority),
        );
    }
    page.push_str(
        "\nA successor that is signed in advance is valid as much longer as the ones before it are. A certificate is renewed \
         when two\nthirds of its life have passed, and never outlives its issuer. Serial numbers have 16 bytes: random below \
         an intermediate,\nunder the root a hash of what is asked for, so that every custodian comes to the same one.\n\n\
         ## Leaves\n\nFiles are `/var/lib/keystone/pki/<leaf>.crt`, with the intermediate, and `<leaf>.key`.\n\n\
         | leaf | signed by | held by | subject | names | for | valid | what for |\n|---|---|---|---|---|---|---|---|\n",
    );
    page.extend(PROFILES.iter().map(row));
    debug_assert!(PROFILES.iter().all(|p| p.authority != Authority::Root));
    page
}
