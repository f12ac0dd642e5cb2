//! The control socket: the command line asks the running primer. Only its owner can open it.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use keystone_protector::{Paper, SlotKind, Unlock};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::frame;
use crate::primer::Primer;
use crate::refusal::Refusal;

/// What opens a slot, as a person gave it. It has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Secret {
    /// What opens without a person.
    Unattended,
    /// A passphrase.
    Passphrase(Zeroizing<String>),
    /// A sheet of paper.
    Paper(Zeroizing<String>),
    /// The machine's TPM.
    Tpm2,
    /// The PIN of a token.
    Pin(Zeroizing<String>),
}

/// Which device a new slot is of.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Registers of the TPM.
    pub pcrs: Vec<u8>,
    /// Module of the token.
    pub module: std::path::PathBuf,
    /// Label of the token.
    pub token: String,
}

impl Secret {
    /// What opens the slot.
    pub fn unlock(&self, primer: &Primer) -> Result<Unlock, Refusal> {
        Ok(match self {
            Self::Unattended => primer.unattended()?,
            Self::Passphrase(text) => Unlock::Passphrase(text.as_str().to_owned().into()),
            Self::Paper(text) => Unlock::Paper(Paper::typed(text.clone())),
            Self::Tpm2 => Unlock::Tpm2,
            Self::Pin(text) => Unlock::Pkcs11(text.as_str().to_owned().into()),
        })
    }
}

/// What the command line asks.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "command")]
pub enum Command {
    /// Begin.
    Init {
        /// The cluster's name, which has to be the configured one.
        cluster: String,
    },
    /// Join.
    Join {
        /// The token.
        token: Zeroizing<String>,
    },
    /// How is everybody?
    Status {
        /// Replay the record too.
        verify: bool,
    },
    /// Wait for the keys and the root's certificate.
    Wait {
        /// For so many seconds.
        seconds: u64,
    },
    /// Make a join token.
    TokenCreate {
        /// For whom.
        name: String,
    },
    /// Which tokens are there?
    TokenList,
    /// Take one back.
    TokenRevoke {
        /// Its number.
        id: String,
    },
    /// Which slots are there?
    ProtectorList,
    /// Make a slot.
    ProtectorAdd {
        /// Of which kind.
        kind: SlotKind,
        /// What people call it.
        label: String,
        /// Whether it is kept elsewhere.
        recovery: bool,
        /// The new passphrase, or the PIN of the token.
        passphrase: Option<Zeroizing<String>>,
        /// The device, of a slot for one.
        device: Device,
        /// What opens a slot that is there; the first slot needs none.
        secret: Option<Secret>,
    },
    /// Bind a slot to the state that the machine is in now.
    ProtectorReseal {
        /// Its number.
        id: u32,
        /// What opens another slot.
        secret: Secret,
    },
    /// Take a slot out.
    ProtectorRemove {
        /// Its number.
        id: u32,
    },
    /// Does it open?
    ProtectorTest {
        /// Its number; by default the first that fits.
        id: Option<u32>,
        /// What opens it.
        secret: Secret,
    },
    /// Have certificates signed by the root.
    Sign {
        /// The generation of the root; none is the one that issues.
        generation: Option<u32>,
        /// They.
        requests: Vec<keystone_pki::request::Request>,
        /// Why.
        reason: String,
        /// What opens this primer's share; without it the operator approves here as on the others.
        secret: Option<Secret>,
    },
    /// Certificates of the root, the one that issues first.
    Root,
    /// Have a generation of the root sign its own certificate, if it has none.
    EnsureRoot {
        /// Which.
        generation: u32,
        /// What opens this primer's share.
        secret: Option<Secret>,
    },
    /// Take a step of the rotation of keys.
    Rotate {
        /// Which.
        stage: crate::act::Stage,
        /// Which keys, and their new generation.
        keys: std::collections::BTreeMap<crate::groups::Kind, u32>,
        /// Why.
        reason: String,
        /// What opens this primer's share.
        secret: Option<Secret>,
    },
    /// Open a file together.
    Decrypt {
        /// The generation of the backup key.
        generation: u32,
        /// The header of the age file, in base64.
        header: String,
        /// Which of its stanzas.
        stanza: usize,
        /// What it is said to be.
        claimed: String,
        /// To whom the parts are encrypted.
        recipient: String,
        /// Who is not asked.
        without: std::collections::BTreeSet<String>,
        /// What opens this primer's share.
        secret: Option<Secret>,
    },
    /// Which backups were wrapped anew?
    Wrapped,
    /// A backup was wrapped anew.
    RecordWrapped(crate::wrapped::Wrapping),
    /// Take the place of a lost primer.
    Repair {
        /// Which.
        lost: String,
    },
    /// Give every primer a new share of the same keys.
    Refresh {
        /// What opens this primer's share.
        secret: Option<Secret>,
    },
    /// The journal of the transfer of leadership: as it is, or as it shall be.
    Handoff {
        /// What to write; nothing is only read.
        journal: Option<Value>,
        /// Whether it is over: then it goes to the record.
        end: bool,
    },
    /// The journal of a recovery of etcd, in the same way.
    Recovery {
        /// What to write; nothing is only read.
        journal: Option<Value>,
        /// Whether it is over: then it goes to the record.
        end: bool,
    },
    /// Do the shares still work?
    TestWake {
        /// What opens them.
        secret: Secret,
    },
    /// What has to be right before it is switched off?
    OfflinePoints,
    /// It is about to be switched off.
    RecordOffline {
        /// What was looked at.
        details: Value,
    },
    /// What waits to be carried?
    SessionList,
    /// Everything for one other primer, as a file.
    SessionExport {
        /// For whom.
        to: String,
    },
    /// What a file brings.
    SessionImport {
        /// It.
        file: String,
    },
    /// What waits for its operator?
    Pending,
    /// Agree.
    Approve {
        /// To which session.
        id: String,
        /// What opens the share.
        secret: Secret,
    },
    /// Refuse.
    Deny {
        /// Which session.
        id: String,
        /// Why.
        reason: String,
    },
}

/// What comes back: any number of notes, then the end.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Event {
    /// Something happened on the way.
    Note(String),
    /// It is done.
    Done(Value),
    /// It was not done.
    Refused(Refusal),
}

/// Notes on the way.
pub type Notes<'a> = &'a (dyn Fn(String) + Sync);

/// Answers on the socket until the end of the program.
pub fn listen(primer: &Arc<Primer>) -> Result<(), Refusal> {
    let path = primer.config.socket();
    let failed = |error: io::Error| Refusal::file("listen on", &path, &error);
    // The lock of the folder says that nobody else listens.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(failed)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(failed)?;
    let primer = Arc::clone(primer);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let primer = Arc::clone(&primer);
            thread::spawn(move || serve(&primer, stream));
        }
    });
    Ok(())
}

fn serve(primer: &Arc<Primer>, mut stream: UnixStream) {
    let command = match frame::receive::<Command>(&mut stream) {
        Ok(Some(command)) => command,
        Ok(None) => return,
        Err(refusal) => {
            let _ = frame::send(&mut stream, &Event::Refused(refusal));
            return;
        }
    };
    let end = {
        let shared = Mutex::new(&mut stream);
        let note = |text: String| {
            // Who went away does not stop what was begun.
            let mut stream = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = frame::send(&mut **stream, &Event::Note(text));
        };
        match primer.execute(command, &note) {
            Ok(value) => Event::Done(value),
            Err(refusal) => Event::Refused(refusal),
        }
    };
    let _ = frame::send(&mut stream, &end);
}

/// A connection to the running primer; none if there is none.
pub fn connect(path: &Path) -> Result<Option<UnixStream>, Refusal> {
    match UnixStream::connect(path) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Ok(None)
        }
        Err(error) => Err(Refusal::file("reach the primer by", path, &error)),
    }
}

/// Asks the running primer.
pub fn ask(stream: &mut UnixStream, command: &Command, note: Notes<'_>) -> Result<Value, Refusal> {
    frame::send(stream, command)?;
    loop {
        match frame::receive::<Event>(stream)? {
            Some(Event::Note(text)) => note(text),
            Some(Event::Done(value)) => return Ok(value),
            Some(Event::Refused(refusal)) => return Err(refusal),
            None => {
                return Err(
                    Refusal::new("the primer was stopped before it was done").fix("keystone-primer status")
                );
            }
        }
    }
}
