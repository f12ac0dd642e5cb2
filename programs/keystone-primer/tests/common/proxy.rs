//! A proxy before a primer, which breaks what goes through it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::{LAB, Three};

/// What a proxy does to the n-th piece of data that goes to a primer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is lost, and the connection with it.
    Drop,
    /// It comes twice.
    Duplicate,
    /// A bit of it is another.
    Corrupt,
    /// It comes late, after what another connection brings.
    Delay,
    /// The primer is killed before it comes.
    Kill,
}

pub struct Proxy {
    pub fault: Mutex<Option<Fault>>,
    /// Pieces until the fault.
    left: AtomicI64,
    pub fired: AtomicBool,
    /// What is killed.
    pub process: AtomicU32,
}

/// A TLS record of data, not of a handshake.
const DATA: u8 = 0x17;

impl Proxy {
    fn start(target: SocketAddr) -> (Arc<Self>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = Arc::new(Self {
            fault: Mutex::default(),
            left: AtomicI64::new(0),
            fired: AtomicBool::new(false),
            process: AtomicU32::new(0),
        });
        let own = Arc::clone(&proxy);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Whoever connects to a primer that is off is refused.
                let Ok(server) = TcpStream::connect(target) else { continue };
                let (mut back, mut front) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = std::io::copy(&mut back, &mut front);
                    let _ = front.shutdown(std::net::Shutdown::Both);
                });
                let proxy = Arc::clone(&own);
                thread::spawn(move || {
                    let _ = proxy.forward(&client, &server);
                    let _ = server.shutdown(std::net::Shutdown::Both);
                    let _ = client.shutdown(std::net::Shutdown::Both);
                });
            }
        });
        (proxy, address)
    }

    pub fn arm(&self, fault: Fault, after: i64) {
        self.left.store(after, Ordering::SeqCst);
        self.fired.store(false, Ordering::SeqCst);
        *self.fault.lock().unwrap() = Some(fault);
    }

    fn fires(&self) -> Option<Fault> {
        let mut fault = self.fault.lock().unwrap();
        (fault.is_some() && self.left.fetch_sub(1, Ordering::SeqCst) == 0).then(|| {
            self.fired.store(true, Ordering::SeqCst);
            fault.take().unwrap()
        })
    }

    fn forward(&self, mut client: &TcpStream, mut server: &TcpStream) -> std::io::Result<()> {
        let mut piece = vec![0; 1 << 16];
        loop {
            let length = client.read(&mut piece)?;
            if length == 0 {
                return Ok(());
            }
            let bytes = &mut piece[..length];
            let fault = if bytes[0] == DATA { self.fires() } else { None };
            match fault {
                Some(Fault::Drop) => return Ok(()),
                Some(Fault::Duplicate) => server.write_all(bytes)?,
                Some(Fault::Corrupt) => bytes[length / 2] ^= 1,
                Some(Fault::Delay) => thread::sleep(Duration::from_millis(300)),
                Some(Fault::Kill) => {
                    let process = i32::try_from(self.process.load(Ordering::SeqCst)).unwrap();
                    let process = rustix::process::Pid::from_raw(process).unwrap();
                    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
                    return Ok(());
                }
                None => {}
            }
            server.write_all(bytes)?;
        }
    }
}

/// Three primers, the third of which is reached by a proxy.
pub fn proxied() -> (Three, Arc<Proxy>) {
    let kept = Mutex::new(None);
    let three = Three::behind(LAB, &json!({}), &|real| {
        let (proxy, address) = Proxy::start(real[2]);
        *kept.lock().unwrap() = Some(proxy);
        vec![real[0], real[1], address]
    });
    let proxy = kept.into_inner().unwrap().unwrap();
    proxy.process.store(three.pid(3), Ordering::SeqCst);
    (three, proxy)
}
