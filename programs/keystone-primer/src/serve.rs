//! The daemon.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustls::ServerConfig;

use crate::config::Config;
use crate::control;
use crate::counter::Age;
use crate::frame;
use crate::peers::{Reply, Request};
use crate::primer::Primer;
use crate::refusal::Refusal;
use crate::tls;

/// Connections at a time; primers are few.
const MOST: usize = 64;
/// How long a connection of a primer may be idle.
const IDLE: Duration = Duration::from_secs(300);

/// Opened shares and nonces are in memory: no core dump, and no other process of this user may look.
pub fn hide_memory() -> Result<(), Refusal> {
    let failed =
        |error: rustix::io::Errno| Refusal::new(format!("cannot hide this process's memory: {error}"));
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(failed)
}

/// Serves until it is killed. `inherited`: the listening socket is standard input, as inetd and systemd hand it over.
pub fn run(config: Config, inherited: bool) -> Result<(), Refusal> {
    hide_memory()?;
    let place = config.listen();
    let primer = Primer::open(config)?;
    primer.policy()?;
    let failed = |error: std::io::Error| Refusal::new(format!("cannot listen on {place}: {error}"));
    let listener = if inherited {
        let socket = std::io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
        TcpListener::from(socket)
    } else {
        TcpListener::bind(&place).map_err(failed)?
    };
    control::listen(&primer)?;
    if primer.inner().state.is_some() {
        if primer.age()? == Age::RolledBack {
            eprintln!("this state is older than what this machine's TPM counted: keystone-primer status");
        }
        // What was written last may have been interrupted before it was counted.
        primer.count()?;
        let primer = Arc::clone(&primer);
        thread::spawn(move || {
            primer.share_record();
            primer.announce_ready();
        });
    }
    let address = listener.local_addr().map_err(failed)?;
    eprintln!("{} of the cluster {} listens on {address}", primer.config.node, primer.config.cluster);
    // For whoever started it and waits. Nobody who listens is no failure.
    let _ = writeln!(std::io::stdout(), "ready");
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming().flatten() {
        if open.load(Ordering::Relaxed) >= MOST {
            continue;
        }
        open.fetch_add(1, Ordering::Relaxed);
        let (primer, open) = (Arc::clone(&primer), Arc::clone(&open));
        thread::spawn(move || {
            if let Err(refusal) = connection(&primer, stream) {
                eprintln!("{}", refusal.message);
            }
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
    Ok(())
}

fn server(primer: &Primer) -> Result<Arc<ServerConfig>, Refusal> {
    let inner = primer.inner();
    tls::server(&inner.begun()?.key)
}

/// Serves one connection.
pub fn connection(primer: &Arc<Primer>, stream: TcpStream) -> Result<(), Refusal> {
    // Before the primer has begun it has no key to show.
    let Ok(config) = server(primer) else { return Ok(()) };
    let (mut connection, peer) = tls::accept(&config, stream)?;
    let mut known = None;
    loop {
        let Ok(Some(request)) = frame::receive::<Request>(&mut connection) else { return Ok(()) };
        if known.is_none() {
            known = primer.inner().begun()?.name_of(&peer).map(str::to_owned);
            // One that is lost may have been found, by anybody.
            known = known.filter(|name| primer.config.endpoint(name).is_some());
            if known.is_some() {
                // Whoever is known may be silent for longer.
                let _ = connection.sock.set_read_timeout(Some(IDLE));
            }
        }
        let reply = match (&known, request) {
            (_, Request::Join(request)) => {
                primer.let_in(&connection, &peer, &request).map_or_else(Reply::Refused, Reply::Welcome)
            }
            (Some(name), request) => primer.answer(name, request),
            (None, _) => Reply::Refused(
                Refusal::new(format!("the key {} is unknown to {}", peer.pin(), primer.config.node))
                    .fix("join first: keystone-primer join --token TOKEN"),
            ),
        };
        frame::send(&mut connection, &reply)?;
    }
}
