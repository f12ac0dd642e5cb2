//! Both sides of joining, on a connection.

use std::sync::Arc;

use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::clock;
use crate::control::Notes;
use crate::frame;
use crate::join::{self, JoinRequest, Meeting, Welcome};
use crate::node_key::PublicKey;
use crate::peers::{Reply, Request};
use crate::primer::Primer;
use crate::refusal::Refusal;
use crate::state::{Member, Members, State};
use crate::tls::{self, Exporter as _};
use crate::token::Token;

impl Primer {
    /// Joins with a token.
    pub fn join(self: &Arc<Self>, text: &str, note: Notes<'_>) -> Result<Value, Refusal> {
        let token = Token::parse(text)?;
        let config = &self.config;
        if token.name != config.node {
            return Err(Refusal::new(format!(
                "the token is for {}, and this is {}",
                token.name, config.node
            ))
            .fix(format!("take the token that was made for {}", config.node)));
        }
        if token.role != "primer" {
            return Err(Refusal::new(format!("the token is for a {}, and this is a primer", token.role)));
        }
        let now = clock::now();
        if now >= token.expiry {
            return Err(Refusal::new(format!(
                "the token ended at {}, and it is {} here",
                clock::shown(token.expiry),
                clock::shown(now)
            ))
            .fix(format!("ask for a new one: keystone-primer token create {}", config.node)));
        }
        // A joining whose answer was lost goes on with the same key.
        let state = {
            let mut inner = self.inner();
            if inner.state.is_none() {
                let state = State::begin(&inner.store, config, now)?;
                inner.state = Some(state);
            }
            let state = inner.begun()?;
            if state.members.len() > 1 {
                return Err(Refusal::new("this primer has joined already").fix("keystone-primer status"));
            }
            (Arc::clone(&state.key), state.key.public())
        };
        let (key, public) = state;
        note(format!("asking {}", token.endpoint));
        let mut connection = tls::connect(&key, &token.endpoint, &token.pin)?;
        let target = connection
            .conn
            .peer_certificates()
            .and_then(|shown| shown.first())
            .and_then(|spki| PublicKey::from_spki(spki))
            .ok_or_else(|| Refusal::new("the other side showed no key"))?;
        let meeting = Meeting { exporter: connection.exporter()?, joiner: &public, target: &target };
        let request = join::ask(&token, &config.cluster, &config.node, &meeting)?;
        frame::send(&mut connection, &Request::Join(request))?;
        let welcome = match frame::receive(&mut connection)? {
            Some(Reply::Welcome(welcome)) => welcome,
            Some(Reply::Refused(refusal)) => return Err(refusal),
            _ => return Err(Refusal::new("the other side gave no answer")),
        };
        join::believe(&token, &config.cluster, &config.node, &meeting, &welcome)?;
        if welcome.members.get(&config.node).is_none_or(|member| member.key != public) {
            return Err(Refusal::new("the other side does not list this primer with its key"));
        }
        {
            let mut inner = self.inner();
            let (store, state) = inner.parts()?;
            state.inherit(store, config, welcome.members)?;
        }
        self.lab_slot()?;
        self.record("joined", &format!("{} joined", config.node), json!({ "token": token.id }))?;
        self.announce_ready();
        Ok(
            json!({ "name": config.node, "cluster": config.cluster, "pin": public.pin(), "members": self.others()?,
            "ready": self.inner().begun()?.slots.is_some() }),
        )
    }

    /// Lets a stranger in, if the token is right.
    pub fn let_in(
        self: &Arc<Self>,
        connection: &StreamOwned<ServerConnection, std::net::TcpStream>,
        joiner: &PublicKey,
        request: &JoinRequest,
    ) -> Result<Welcome, Refusal> {
        let now = clock::now();
        let (welcome, met) = {
            let mut inner = self.inner();
            let (store, state) = inner.parts()?;
            let target = state.key.public();
            let meeting = Meeting { exporter: connection.exporter()?, joiner, target: &target };
            if let Some(known) = state.members.get(&request.name)
                && known.key != *joiner
            {
                return Err(Refusal::new(format!("{} has joined already, with another key", request.name)));
            }
            let proof = join::answer(store, &state.identity, &state.key, &meeting, request, now)?;
            let endpoint = self.config.endpoint(&request.name).unwrap_or_default().to_owned();
            let member = Member { key: joiner.clone(), endpoint, since: now };
            let met = state.meet(store, &self.config, Members::from([(request.name.clone(), member)]))?;
            (Welcome { members: state.members.clone(), proof }, met)
        };
        if !met.is_empty() {
            eprintln!("{} joined", request.name);
            let details = json!({ "name": request.name, "pin": joiner.pin(), "token": request.token });
            self.record("join", &format!("{} was let in", request.name), details)?;
            let primer = Arc::clone(self);
            // The new one is not up to it before it has its answer.
            std::thread::spawn(move || primer.announce_members());
        }
        Ok(welcome)
    }

    fn announce_members(self: &Arc<Self>) {
        let Ok((_, _, members)) = self.whoami() else { return };
        let Ok(others) = self.others() else { return };
        self.ask_all(&others, |primer, name| {
            primer.ask(name, &Request::Members { members: members.clone() })
        });
    }

    /// Tells everybody that this primer can take part in the generation of keys.
    pub fn announce_ready(self: &Arc<Self>) {
        if self.inner().begun().is_ok_and(|state| state.slots.is_some()) {
            if let Ok(others) = self.others() {
                self.ask_all(&others, |primer, name| primer.ask(name, &Request::Ready));
            }
            self.generate_when_ready();
        }
    }
}
