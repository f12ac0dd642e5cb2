//! What waits to be carried by hand, and who waits for it. In memory only: a ceremony ends with the daemon that leads it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::message::Signed;
use crate::refusal::Refusal;

/// One question: its session, its number, and whom it asks.
pub type Slip = (String, u32, String);

/// What waits.
#[derive(Default)]
pub struct Courier {
    bag: Mutex<Bag>,
    arrived: Condvar,
}

#[derive(Default)]
struct Bag {
    /// Questions that nobody answered yet. They stay until they are, so that a lost stick is written again.
    questions: BTreeMap<Slip, Signed>,
    answers: BTreeMap<Slip, Signed>,
    /// Questions that came here and wait for the operator, and answers that nobody carried back yet, by whom they are for.
    asked: Vec<(String, Signed)>,
    ready: Vec<Ready>,
    /// The last entry of a primer whose countersignature was carried to it.
    told: BTreeMap<String, u64>,
    /// Questions for whose answers nobody waits any more.
    given_up: BTreeSet<Slip>,
}

struct Ready {
    to: String,
    message: Signed,
    carried: bool,
}

impl Courier {
    fn bag(&self) -> MutexGuard<'_, Bag> {
        self.bag.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until somebody brings the answer.
    pub fn ask(&self, slip: &Slip, question: Signed, patience: Duration) -> Result<Signed, Refusal> {
        let until = Instant::now() + patience;
        let mut bag = self.bag();
        bag.questions.insert(slip.clone(), question);
        loop {
            if let Some(answer) = bag.answers.remove(slip) {
                return Ok(answer);
            }
            let left = until.saturating_duration_since(Instant::now());
            if bag.given_up.remove(slip) || left.is_zero() {
                bag.questions.remove(slip);
                return Err(Refusal::new(format!("no stick came back from {}", slip.2)));
            }
            bag = self.arrived.wait_timeout(bag, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Nobody waits for what was asked in that session up to now.
    pub fn give_up(&self, session: &str) {
        let mut bag = self.bag();
        let slips: Vec<Slip> =
            bag.questions.keys().filter(|(asked, _, _)| asked == session).cloned().collect();
        bag.given_up.extend(slips);
        drop(bag);
        self.arrived.notify_all();
    }

    /// Somebody brought an answer; whether anybody waited for it.
    pub fn bring(&self, slip: &Slip, answer: Signed) -> bool {
        let mut bag = self.bag();
        let waited = bag.questions.remove(slip).is_some();
        if waited {
            bag.answers.insert(slip.clone(), answer);
        }
        drop(bag);
        self.arrived.notify_all();
        waited
    }

    /// Questions for somebody.
    pub fn questions(&self, name: &str) -> Vec<Signed> {
        let bag = self.bag();
        bag.questions
            .iter()
            .filter(|((_, _, to), _)| to == name)
            .map(|(_, question)| question.clone())
            .collect()
    }

    /// Who has something waiting, and how many things.
    pub fn waiting(&self) -> BTreeMap<String, usize> {
        let bag = self.bag();
        let mut count = BTreeMap::new();
        let names = bag.questions.keys().map(|(_, _, to)| to).chain(bag.ready.iter().map(|ready| &ready.to));
        for name in names {
            *count.entry(name.clone()).or_default() += 1;
        }
        count
    }

    /// A question came that an operator has to decide first.
    pub fn defer(&self, from: &str, question: Signed) {
        self.bag().asked.push((from.to_owned(), question));
    }

    /// Takes the questions that wait for a decision.
    pub fn deferred(&self, from: &str) -> Vec<Signed> {
        let mut bag = self.bag();
        let (theirs, others) = std::mem::take(&mut bag.asked).into_iter().partition(|(name, _)| name == from);
        bag.asked = others;
        let theirs: Vec<(String, Signed)> = theirs;
        theirs.into_iter().map(|(_, question)| question).collect()
    }

    /// Something is to be carried for which nobody waits here: an answer, or the end of a session.
    pub fn post(&self, to: &str, message: Signed) {
        self.bag().ready.push(Ready { to: to.to_owned(), message, carried: false });
    }

    /// What was posted for somebody; a stick that was lost is written again.
    pub fn posted(&self, to: &str) -> Vec<Signed> {
        let mut bag = self.bag();
        let theirs = bag.ready.iter_mut().filter(|ready| ready.to == to);
        theirs
            .map(|ready| {
                ready.carried = true;
                ready.message.clone()
            })
            .collect()
    }

    /// Whoever sends something new has got what was carried to it.
    pub fn delivered(&self, to: &str) {
        self.bag().ready.retain(|ready| ready.to != to || !ready.carried);
    }

    /// Whether a countersignature is news to somebody.
    pub fn is_news(&self, to: &str, entry: u64) -> bool {
        let mut bag = self.bag();
        let told = bag.told.entry(to.to_owned()).or_default();
        let news = entry > *told;
        *told = entry.max(*told);
        news
    }

    /// Somebody shows entries again, so what was carried was lost.
    pub fn forget(&self, to: &str) {
        self.bag().told.remove(to);
    }
}
