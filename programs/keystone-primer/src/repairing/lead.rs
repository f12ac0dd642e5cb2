//! The side of the machine that takes the place of a lost one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keystone_pki::group::repair::{self, Sigma};
use keystone_pki::group::{Decryption, Purpose, Share, Signing};
use serde_json::{Value, json};

use super::{Values, failed, numbers, open, place, seated, value};
use crate::act::Act;
use crate::control::Notes;
use crate::groups::{self, Kind, Record, Seat};
use crate::message::{Body, Signed};
use crate::primer::Primer;
use crate::refusal::Refusal;
use crate::session::{Answer, Question};

impl Primer {
    /// Takes the place of a lost primer.
    pub fn repair(self: &Arc<Self>, lost: &str, tell: Notes<'_>) -> Result<Value, Refusal> {
        if self.config.endpoint(lost).is_some() {
            return Err(Refusal::new(format!("{lost} is declared as a primer here, so it is not lost"))
                .fix("take it out of the peers of every primer, and write this machine in its place"));
        }
        let own = self.config.node.clone();
        let recipient = groups::recipient(self.inner().begun()?.slots.as_ref())?;
        let names = self.others()?;
        // As this primer has no group yet, who can help is everybody.
        let (identity, _, members) = self.whoami()?;
        let seats: Vec<Seat> = names
            .iter()
            .filter_map(|name| Some(Seat { name: name.clone(), pin: members.get(name)?.key.pin() }))
            .collect();
        let everybody = Record::of_nobody(seats, identity.lab);
        let ephemeral = age::x25519::Identity::generate();
        let act = Act::Repair {
            lost: lost.to_owned(),
            name: own.clone(),
            recipient: ephemeral.to_public().to_string(),
        };
        let agreed = self.propose(&everybody, self.quorum(), &act, &BTreeSet::new(), None, tell)?;
        // Exactly as many as are needed.
        let helps: BTreeMap<String, Signed> = agreed
            .answers
            .iter()
            .take(self.quorum())
            .filter_map(|(name, said)| Some((name.clone(), serde_json::from_str(said.first()?).ok()?)))
            .collect();
        let helpers: BTreeSet<String> = helps.keys().cloned().collect();
        let records = self.agreed_groups(&helps)?;
        let by: Vec<String> = helpers.iter().cloned().collect();
        let helps: Vec<Signed> = helps.into_values().collect();
        let ceremony = &agreed.ceremony;
        let deltas = ceremony.ask_each(&by, &|| Question::Deltas { helps: helps.clone() })?;
        let deltas: Vec<Signed> = deltas.into_values().map(|(_, signed)| signed).collect();
        let sigmas = ceremony.ask_each(&by, &|| Question::Sigmas { deltas: deltas.clone() })?;
        let mut given: BTreeMap<String, Values> = BTreeMap::new();
        for (name, (answer, _)) in &sigmas {
            let Answer::Sigma { sealed, .. } = answer else {
                return Err(crate::peers::unexpected(name));
            };
            given.insert(name.clone(), open(&ephemeral, name, sealed)?);
        }
        let pin = members.get(&own).map(|member| member.key.pin()).unwrap_or_default();
        let mut made = Vec::new();
        for record in &records {
            let shared = match record.kind {
                Kind::Root => finish::<Signing>(record, &given, lost, &own, &recipient)?,
                Kind::Backup => finish::<Decryption>(record, &given, lost, &own, &recipient)?,
            };
            made.push(seated(&shared, lost, &own, &pin).unwrap_or(shared));
        }
        // All of them came out right before the first is kept; whoever is killed in between does it all again.
        for record in &made {
            groups::replace(&self.inner().store, record)?;
        }
        let sigmas: Vec<Signed> = sigmas.into_values().map(|(_, signed)| signed).collect();
        let told = ceremony.try_each(&names, &|| Question::Seat { sigmas: sigmas.clone() });
        let missing: Vec<String> =
            told.into_iter().filter(|(_, answer)| answer.is_err()).map(|(name, _)| name).collect();
        // The root's certificate is with the others.
        self.ask_all(&names, Self::ping);
        self.write_backup_recipient()?;
        let keys: Vec<String> = made.iter().map(Record::name).collect();
        let details = json!({ "lost": lost, "name": own, "by": by, "keys": keys, "session": ceremony.session, "missing": missing });
        let summary =
            format!("{own} has the place of {lost} in {}, by {}", keys.join(" and "), by.join(" and "));
        self.record("repair", &summary, details)?;
        self.changed.notify_all();
        Ok(
            json!({ "lost": lost, "name": own, "by": by, "keys": keys, "missing": missing, "lab": self.config.lab() }),
        )
    }

    /// What the helpers say of the groups, if all say the same.
    fn agreed_groups(&self, helps: &BTreeMap<String, Signed>) -> Result<Vec<Record>, Refusal> {
        let (identity, _, members) = self.whoami()?;
        let mut agreed: Option<(String, Vec<Record>)> = None;
        for (name, signed) in helps {
            let Body::Answer(answer) = signed.read_any(&identity, &members)?.body else {
                return Err(crate::peers::unexpected(name));
            };
            let Answer::Helps { groups, .. } = *answer else { return Err(crate::peers::unexpected(name)) };
            match &agreed {
                Some((other, said)) if *said != groups => {
                    return Err(Refusal::new(format!(
                        "{name} and {other} tell different things of the keys"
                    ))
                    .fix("keystone-primer status, on all primers"));
                }
                Some(_) => {}
                None => agreed = Some((name.clone(), groups)),
            }
        }
        agreed.map(|(_, groups)| groups).ok_or_else(|| Refusal::new("nobody helps"))
    }
}

/// The repaired share of one group, checked against what the group says of it.
fn finish<P: Purpose>(
    record: &Record,
    given: &BTreeMap<String, Values>,
    lost: &str,
    own: &str,
    recipient: &str,
) -> Result<Record, Refusal> {
    let member = place(record, lost, own)?;
    let mut sigmas = BTreeMap::new();
    for (name, values) in given {
        let bytes = value(values, name, record)?;
        let sigma = Sigma::<P>::from_bytes(&bytes).map_err(|error| failed(record, &error))?;
        let helper = record.member(name).ok_or_else(|| failed(record, &"a helper has no share"))?;
        sigmas.insert(helper, sigma);
    }
    let helpers = numbers(record, &given.keys().cloned().collect())?;
    let group = record.group::<P>()?;
    let share: Share<P> =
        repair::finish(&sigmas, &helpers, member, &group).map_err(|error| failed(record, &error))?;
    let (kind, generation, seats) = (record.kind, record.generation, record.seats.clone());
    Record::new(kind, generation, record.lab, seats, &group, &share, recipient)
}
