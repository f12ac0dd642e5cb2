//! The two rounds that a new key and new shares of an old one have in common, as far as primers know each other by name.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keystone_pki::group::{
    Act, Echo, Member, Purpose, Round1Package, Round2Package, RoundError, RoundOne, RoundTwo,
};

use crate::groups::{self, Seat};
use crate::node_key::hex;
use crate::refusal::Refusal;

/// A round of one key.
pub enum Round<P, A> {
    /// The first package was sent.
    One(RoundOne<P, A>),
    /// Everybody's first package is here, and to whom second ones are encrypted.
    Echo(Echo<P, A>, HashMap<String, String>),
    /// The second packages were sent.
    Two(RoundTwo<P, A>),
    /// Over.
    Over,
}

/// Whose rounds they are.
pub struct Table<'a> {
    /// Who takes part, in the order of their numbers.
    pub seats: &'a [Seat],
    /// What ended, if it ends here.
    pub what: String,
}

impl Table<'_> {
    fn number(&self, name: &str) -> Result<Member, Refusal> {
        let place = self.seats.iter().position(|seat| seat.name == name);
        place
            .and_then(|place| Member::new(u16::try_from(place + 1).ok()?))
            .ok_or_else(|| Refusal::new(format!("{name} takes no part")))
    }

    /// The library knows numbers; people know names.
    pub fn named(&self, error: &RoundError) -> Refusal {
        let mut text = error.to_string();
        for (place, seat) in self.seats.iter().enumerate().rev() {
            text = text.replace(&format!("member {}", place + 1), &seat.name);
        }
        Refusal::new(format!("{} ended: {text}", self.what)).fix("begin the ceremony anew")
    }

    /// Takes everybody's first package and recipient, and gives the hash of all of them.
    pub fn receive<P: Purpose, A: Act>(
        &self,
        round: &mut Round<P, A>,
        firsts: &BTreeMap<String, (String, String)>,
    ) -> Result<String, Refusal> {
        let Round::One(state) = std::mem::replace(round, Round::Over) else { return Err(out_of_turn()) };
        let (mut packages, mut recipients) = (BTreeMap::new(), HashMap::new());
        for (name, (package, recipient)) in firsts {
            let bytes = STANDARD.decode(package).unwrap_or_default();
            let package = Round1Package::<P, A>::from_bytes(&bytes)
                .map_err(|error| Refusal::new(format!("{name} sent something else: {error}")))?;
            packages.insert(self.number(name)?, package);
            recipients.insert(name.clone(), recipient.clone());
        }
        let echo = state.receive(packages).map_err(|error| self.named(&error))?;
        let hash = hex(echo.hash());
        *round = Round::Echo(echo, recipients);
        Ok(hash)
    }

    /// Compares everybody's hashes, and gives a second package for each other, encrypted to it.
    pub fn confirm<P: Purpose, A: Act>(
        &self,
        round: &mut Round<P, A>,
        echoes: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Refusal> {
        let Round::Echo(echo, recipients) = std::mem::replace(round, Round::Over) else {
            return Err(out_of_turn());
        };
        let own = hex(echo.hash());
        let mut hashes = BTreeMap::new();
        for (name, hash) in echoes {
            let same = if *hash == own { *echo.hash() } else { [0; 32] };
            hashes.insert(self.number(name)?, same);
        }
        let (state, outgoing) = echo.confirm(&hashes).map_err(|error| self.named(&error))?;
        let mut packages = BTreeMap::new();
        for (name, recipient) in recipients {
            if let Some(package) = outgoing.get(&self.number(&name)?) {
                packages.insert(name, groups::encrypt(&recipient, &package.to_bytes())?);
            }
        }
        *round = Round::Two(state);
        Ok(packages)
    }

    /// Opens everybody's second package.
    pub fn open<P: Purpose, A: Act>(
        &self,
        ephemeral: &age::x25519::Identity,
        sealed: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<Member, Round2Package<P, A>>, Refusal> {
        let mut packages = BTreeMap::new();
        for (name, sealed) in sealed {
            let bytes = groups::decrypt(ephemeral, sealed)
                .map_err(|error| Refusal::new(format!("the package of {name}: {}", error.message)))?;
            let package = Round2Package::<P, A>::from_bytes(&bytes)
                .map_err(|error| Refusal::new(format!("{name} sent something else: {error}")))?;
            packages.insert(self.number(name)?, package);
        }
        Ok(packages)
    }
}

/// A question that comes too early or too late.
pub fn out_of_turn() -> Refusal {
    Refusal::new("the question does not follow the one before")
}
