//! What a primer answers in a ceremony.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keystone_pki::group::dkg::{self, Generation};
use keystone_pki::group::{Member, Purpose, Quorum};
use rand_core::OsRng;

use crate::clock;
use crate::groups::{self, Kind, Record, Seat};
use crate::message::{Body, Message, Signed};
use crate::primer::Primer;
use crate::refusal::Refusal;
use crate::rounds::{Round, Table, out_of_turn};
use crate::session::{Answer, Plan, Question};
use crate::sessions::{Generating, Part, Rounds};
use crate::sticks;

impl Primer {
    /// Answers a message of a ceremony, from wherever it came. On a connection the sender is who the connection is with.
    pub fn respond(&self, connection: Option<&str>, signed: &Signed) -> Result<Signed, Refusal> {
        let (identity, key, members) = self.whoami()?;
        let message = signed.open(&identity, &members, clock::now())?;
        if connection.is_some_and(|name| name != message.from) {
            return Err(Refusal::new(format!("a message of {} came from somebody else", message.from)));
        }
        if self.config.endpoint(&message.from).is_none() {
            return Err(Refusal::new(format!("{} is no primer any more", message.from)));
        }
        let Body::Question(question) = &message.body else {
            return Err(Refusal::new("an answer came where a question was expected"));
        };
        {
            let mut sessions = self.sessions();
            let (session, again) = sessions.take(&message, signed, clock::now())?;
            if let Some(again) = again {
                return Ok(again);
            }
            // Checked before it is waited for.
            if matches!(**question, Question::Generate(_) | Question::Propose { .. })
                && !matches!(session.part, Part::None)
            {
                return Err(Refusal::new(format!("session {} has begun already", message.session)));
            }
        }
        let answer = self.decide(&message, question)?;
        let reply = sticks::reply(&identity, &key, &message, answer)?;
        self.sessions().answered(&message, signed, &reply);
        Ok(reply)
    }

    fn decide(&self, message: &Message, question: &Question) -> Result<Answer, Refusal> {
        match question {
            Question::Generate(plan) => self.begin_generation(message, plan),
            Question::Echo { firsts } => {
                self.in_generation(message, |primer, generating| primer.echo(message, generating, firsts))
            }
            Question::Exchange { echoes } => {
                self.in_generation(message, |primer, generating| primer.exchange(message, generating, echoes))
            }
            Question::Finish { seconds } => {
                self.in_generation(message, |primer, generating| primer.finish(message, generating, seconds))
            }
            Question::Activate { kind, generation, finished } => {
                self.activate(message, *kind, *generation, finished)
            }
            Question::Propose { act, fingerprint } => self.consider(message, act, fingerprint),
            Question::Poll => self.poll(message),
            Question::Sign { commitments } => self.sign_part(message, commitments),
            Question::Deltas { helps } => self.give_deltas(message, helps),
            Question::Sigmas { deltas } => self.give_sigma(message, deltas),
            Question::Seat { sigmas } => self.seat(message, sigmas),
            Question::RefreshEcho { firsts } => self.refresh_echo(message, firsts),
            Question::RefreshExchange { echoes } => self.refresh_exchange(message, echoes),
            Question::RefreshStore { seconds } => self.refresh_store(message, seconds),
            Question::RefreshUse { stored } => self.use_refreshed(stored).map(|_| Answer::Done),
            Question::Conclude { certificates } => self.conclude(message, certificates),
        }
    }

    fn begin_generation(&self, message: &Message, plan: &Plan) -> Result<Answer, Refusal> {
        let (number, quorum) = self.check_plan(&message.from, plan)?;
        let ephemeral = age::x25519::Identity::generate();
        let recipient = ephemeral.to_public().to_string();
        let failed = |error: keystone_pki::group::RoundError| Refusal::new(error.to_string());
        let (rounds, package) = match plan.kind {
            Kind::Root => {
                let (state, package) = dkg::start(quorum, number, &mut OsRng).map_err(failed)?;
                (Rounds::Root(Round::One(state)), package.to_bytes())
            }
            Kind::Backup => {
                let (state, package) = dkg::start(quorum, number, &mut OsRng).map_err(failed)?;
                (Rounds::Backup(Round::One(state)), package.to_bytes())
            }
        };
        if let Some(session) = self.sessions().get(&message.session) {
            session.part = Part::Generation(Box::new(Generating { plan: plan.clone(), ephemeral, rounds }));
        }
        Ok(Answer::First { package: STANDARD.encode(package), recipient })
    }

    /// The plan is the one that this primer would make itself.
    fn check_plan(&self, from: &str, plan: &Plan) -> Result<(Member, Quorum), Refusal> {
        let inner = self.inner();
        let state = inner.begun()?;
        groups::recipient(state.slots.as_ref())?;
        let expected: Vec<Seat> = state
            .members
            .iter()
            .filter(|(name, _)| self.config.endpoint(name).is_some())
            .map(|(name, member)| Seat { name: name.clone(), pin: member.key.pin() })
            .collect();
        if plan.seats != expected || plan.seats.len() != self.config.peers.len() {
            return Err(Refusal::new(
                "the primers that shall make a key are not those that joined here, with these keys",
            )
            .fix("compare the pins of `keystone-primer status` on all primers"));
        }
        if plan.needed != self.config.quorum_size {
            return Err(Refusal::new(format!(
                "a quorum of {} is wanted, and here {} is configured",
                plan.needed, self.config.quorum_size
            ))
            .fix("write the same quorumSize on all primers"));
        }
        let next = groups::present(&inner.store, plan.kind)?.map_or(1, |record| record.generation + 1);
        if plan.generation != next {
            return Err(Refusal::new(format!(
                "generation {} of the {} key is wanted, and here {next} is next",
                plan.generation,
                plan.kind.as_str()
            )));
        }
        if plan.generation > 1 && !self.agreed_to(from, plan.kind, plan.generation) {
            return Err(Refusal::new(format!(
                "there is a {} key already, and nobody here agreed to a new one",
                plan.kind.as_str()
            ))
            .fix("keystone-primer rotate-root-keys asks for it"));
        }
        let members = u16::try_from(plan.seats.len()).unwrap_or(u16::MAX);
        let quorum = Quorum::new(plan.needed, members).map_err(|error| Refusal::new(error.to_string()))?;
        let own = plan.seats.iter().position(|seat| seat.name == state.identity.name);
        let number = own.and_then(|place| Member::new(u16::try_from(place + 1).ok()?));
        number
            .map(|number| (number, quorum))
            .ok_or_else(|| Refusal::new("this primer is not among those that shall make a key"))
    }

    /// A step of a generation. One that fails ends it.
    fn in_generation(
        &self,
        message: &Message,
        step: impl FnOnce(&Self, &mut Generating) -> Result<Answer, Refusal>,
    ) -> Result<Answer, Refusal> {
        let gone = || {
            Refusal::new(format!(
                "session {} is unknown here: it ended, or this primer was restarted",
                message.session
            ))
            .fix("begin the ceremony anew")
        };
        let part = self
            .sessions()
            .get(&message.session)
            .map(|session| std::mem::replace(&mut session.part, Part::None));
        let Some(Part::Generation(mut generating)) = part else { return Err(gone()) };
        let answer = step(self, &mut generating)?;
        if let Some(session) = self.sessions().get(&message.session) {
            session.part = Part::Generation(generating);
        }
        Ok(answer)
    }

    /// The answers of everybody else, each in the message that its sender signed.
    pub fn answers(
        &self,
        message: &Message,
        seats: &[Seat],
        messages: &[Signed],
    ) -> Result<BTreeMap<String, Answer>, Refusal> {
        let (identity, _, members) = self.whoami()?;
        let mut answers = BTreeMap::new();
        for signed in messages {
            let read = signed.read_any(&identity, &members)?;
            if read.session != message.session {
                return Err(Refusal::new(format!("a message of {} is of another session", read.from)));
            }
            let Body::Answer(answer) = read.body else {
                return Err(Refusal::new(format!("a message of {} is no answer", read.from)));
            };
            if read.from != identity.name && answers.insert(read.from.clone(), *answer).is_some() {
                return Err(Refusal::new(format!("{} answered twice", read.from)));
            }
        }
        if answers.len() + 1 != seats.len()
            || !seats.iter().all(|s| s.name == identity.name || answers.contains_key(&s.name))
        {
            return Err(Refusal::new("the answers of some primers are missing"));
        }
        Ok(answers)
    }

    fn echo(
        &self,
        message: &Message,
        generating: &mut Generating,
        firsts: &[Signed],
    ) -> Result<Answer, Refusal> {
        let answers = self.answers(message, &generating.plan.seats, firsts)?;
        let (plan, rounds) = (&generating.plan, &mut generating.rounds);
        let hash = match rounds {
            Rounds::Root(round) => echo_of(plan, round, &answers)?,
            Rounds::Backup(round) => echo_of(plan, round, &answers)?,
        };
        Ok(Answer::Echo { hash })
    }

    fn exchange(
        &self,
        message: &Message,
        generating: &mut Generating,
        echoes: &[Signed],
    ) -> Result<Answer, Refusal> {
        let answers = self.answers(message, &generating.plan.seats, echoes)?;
        let (plan, rounds) = (&generating.plan, &mut generating.rounds);
        let packages = match rounds {
            Rounds::Root(round) => exchange_of(plan, round, &answers)?,
            Rounds::Backup(round) => exchange_of(plan, round, &answers)?,
        };
        Ok(Answer::Seconds { packages })
    }

    fn finish(
        &self,
        message: &Message,
        generating: &mut Generating,
        seconds: &[Signed],
    ) -> Result<Answer, Refusal> {
        let answers = self.answers(message, &generating.plan.seats, seconds)?;
        let inner = self.inner();
        let state = inner.begun()?;
        let recipient = groups::recipient(state.slots.as_ref())?;
        let own = &state.identity.name;
        let Generating { plan, ephemeral, rounds } = generating;
        let record = match rounds {
            Rounds::Root(round) => {
                finish_of(plan, round, &answers, ephemeral, own, &recipient, state.identity.lab)?
            }
            Rounds::Backup(round) => {
                finish_of(plan, round, &answers, ephemeral, own, &recipient, state.identity.lab)?
            }
        };
        record.save_pending(&inner.store)?;
        Ok(Answer::Finished { fingerprint: record.fingerprint })
    }

    fn activate(
        &self,
        message: &Message,
        kind: Kind,
        generation: u32,
        finished: &[Signed],
    ) -> Result<Answer, Refusal> {
        let (identity, _, members) = self.whoami()?;
        let inner = self.inner();
        if let Some(present) = groups::present(&inner.store, kind)?
            && present.generation >= generation
        {
            return Ok(Answer::Done);
        }
        let record = groups::pending(&inner.store, kind, generation)?.ok_or_else(|| {
            Refusal::new(format!(
                "this primer has no share of generation {generation} of the {} key",
                kind.as_str()
            ))
        })?;
        let mut seen = std::collections::BTreeSet::new();
        for signed in finished {
            let read = signed.read_any(&identity, &members)?;
            match read.body {
                Body::Answer(answer) if matches!(&*answer, Answer::Finished { fingerprint } if *fingerprint == record.fingerprint) =>
                {
                    seen.insert(read.from);
                }
                _ => {
                    return Err(Refusal::new(format!(
                        "{} has another {} key than this primer; it is not used",
                        read.from,
                        kind.as_str()
                    ))
                    .fix("begin the ceremony anew"));
                }
            }
        }
        if record.seats.iter().any(|seat| !seen.contains(&seat.name)) {
            return Err(Refusal::new(format!("not everybody has a share of the {} key yet", kind.as_str())));
        }
        groups::activate(&inner.store, &record)?;
        drop(inner);
        eprintln!("the {} key exists; session {}", kind.as_str(), message.session);
        if kind == Kind::Backup {
            self.write_backup_recipient()?;
        }
        Ok(Answer::Done)
    }
}

fn table(plan: &Plan) -> Table<'_> {
    Table { seats: &plan.seats, what: format!("the generation of the {} key", plan.kind.as_str()) }
}

fn echo_of<P: Purpose>(
    plan: &Plan,
    round: &mut Round<P, Generation>,
    answers: &BTreeMap<String, Answer>,
) -> Result<String, Refusal> {
    let mut firsts = BTreeMap::new();
    for (name, answer) in answers {
        let Answer::First { package, recipient } = answer else { return Err(out_of_turn()) };
        firsts.insert(name.clone(), (package.clone(), recipient.clone()));
    }
    table(plan).receive(round, &firsts)
}

fn exchange_of<P: Purpose>(
    plan: &Plan,
    round: &mut Round<P, Generation>,
    answers: &BTreeMap<String, Answer>,
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut hashes = BTreeMap::new();
    for (name, answer) in answers {
        let Answer::Echo { hash } = answer else { return Err(out_of_turn()) };
        hashes.insert(name.clone(), hash.clone());
    }
    table(plan).confirm(round, &hashes)
}

fn finish_of<P: Purpose>(
    plan: &Plan,
    round: &mut Round<P, Generation>,
    answers: &BTreeMap<String, Answer>,
    ephemeral: &age::x25519::Identity,
    own: &str,
    recipient: &str,
    lab: bool,
) -> Result<Record, Refusal> {
    let Round::Two(state) = std::mem::replace(round, Round::Over) else { return Err(out_of_turn()) };
    let mut sealed = BTreeMap::new();
    for (name, answer) in answers {
        let Answer::Seconds { packages } = answer else { return Err(out_of_turn()) };
        let to_own =
            packages.get(own).ok_or_else(|| Refusal::new(format!("{name} sent no package to {own}")))?;
        sealed.insert(name.clone(), to_own.clone());
    }
    let packages = table(plan).open(ephemeral, &sealed)?;
    let (share, group) = state.finish(&packages).map_err(|error| table(plan).named(&error))?;
    Record::new(plan.kind, plan.generation, lab, plan.seats.clone(), &group, &share, recipient)
}
