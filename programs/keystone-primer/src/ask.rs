//! Questions over TLS 1.3: the other side has to show a certificate of the right name below the right intermediate, and
//! this side shows one of this node's.

mod http;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use keystone_pki::certificate::Certificate;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const PATIENCE_TO_CONNECT: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(7);
/// The system's bundle of public authorities, for a coordinator whose certificate is by ACME.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Another address for one that is asked.
#[derive(Debug, Clone)]
pub struct At {
    /// `host:port` by its name.
    pub name: String,
    /// Where that is.
    pub address: String,
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let whole = |side: &str| {
            side.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        match text.split_once('=') {
            Some((name, address)) if whole(name) && whole(address) => {
                Ok(Self { name: name.to_owned(), address: address.to_owned() })
            }
            _ => Err("write it as control-1.keystone.internal:2379=127.0.0.1:12379".to_owned()),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nobody was reached, or there is nothing to ask with: nothing is known.
    Unseen(String),
    /// Somebody was reached, and it is not right.
    Wrong(String),
}

/// Whom to believe.
#[derive(Debug, Clone, Copy)]
pub enum Anchor {
    /// The bundle of an intermediate.
    Bundle(&'static str),
    /// The root, and public authorities.
    RootOrPublic,
}

/// An answer, and until when the certificate of its sender is valid, if it is one of ours.
pub struct Answered {
    /// Of HTTP.
    pub status: u16,
    /// What it says.
    pub body: String,
    /// The sender's.
    pub certificate: Option<Certificate>,
}

/// Asks.
pub struct Asker {
    trust: PathBuf,
    pki: PathBuf,
    at: BTreeMap<String, String>,
}

impl Asker {
    /// By the bundles of `trust` and the certificates of `pki`; some are asked at another address.
    #[must_use]
    pub fn new(trust: &Path, pki: &Path, at: &[At]) -> Self {
        let at = at.iter().map(|at| (at.name.clone(), at.address.clone())).collect();
        Self { trust: trust.to_owned(), pki: pki.to_owned(), at }
    }

    /// Asks `host:port`, with the first of these leaves of this node that is there; with none of them if the list is empty.
    ///
    /// # Errors
    /// When nobody is seen there, or somebody who is not to be believed.
    pub fn ask(
        &self,
        (host, port): (&str, u16),
        anchor: Anchor,
        leaves: &[&str],
        (method, path, body): (&str, &str, &str),
    ) -> Result<Answered, Fault> {
        let config = self.config(anchor, leaves)?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| Fault::Wrong(format!("`{host}` is no host name: {error}")))?;
        let socket = self.connect(host, port)?;
        let connection = ClientConnection::new(Arc::new(config), name)
            .map_err(|error| Fault::Wrong(format!("cannot begin a connection: {error}")))?;
        let mut stream = StreamOwned::new(connection, socket);
        stream.conn.complete_io(&mut stream.sock).map_err(|error| failed(&error))?;
        let certificate = stream
            .conn
            .peer_certificates()
            .and_then(|chain| chain.first())
            .and_then(|leaf| Certificate::from_der(leaf).ok());
        let answer = http::exchange(&mut stream, host, method, path, body).map_err(|error| failed(&error))?;
        Ok(Answered { status: answer.status, body: answer.body, certificate })
    }

    fn connect(&self, host: &str, port: u16) -> Result<TcpStream, Fault> {
        let named = format!("{host}:{port}");
        let address = self.at.get(&named).unwrap_or(&named);
        let unseen = |error: io::Error| Fault::Unseen(format!("{address} does not answer: {error}"));
        let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
        for address in address.to_socket_addrs().map_err(unseen)? {
            match TcpStream::connect_timeout(&address, PATIENCE_TO_CONNECT) {
                Ok(socket) => {
                    socket.set_read_timeout(Some(PATIENCE)).map_err(unseen)?;
                    socket.set_write_timeout(Some(PATIENCE)).map_err(unseen)?;
                    return Ok(socket);
                }
                Err(error) => last = error,
            }
        }
        Err(unseen(last))
    }

    fn config(&self, anchor: Anchor, leaves: &[&str]) -> Result<ClientConfig, Fault> {
        let wrong = |error: rustls::Error| Fault::Wrong(format!("cannot begin a connection: {error}"));
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(wrong)?
            .with_root_certificates(self.anchors(anchor)?);
        if leaves.is_empty() {
            return Ok(builder.with_no_client_auth());
        }
        let (chain, key) = self.own(leaves)?;
        builder.with_client_auth_cert(chain, key).map_err(wrong)
    }

    fn anchors(&self, anchor: Anchor) -> Result<RootCertStore, Fault> {
        let mut store = RootCertStore::empty();
        let (own, system) = match anchor {
            Anchor::Bundle(name) => (self.trust.join(format!("{name}-ca.crt")), false),
            Anchor::RootOrPublic => (self.trust.join("root-ca.crt"), true),
        };
        let text = fs::read(&own).map_err(|error| {
            Fault::Unseen(format!("nobody is to be believed: cannot read `{}`: {error}", own.display()))
        })?;
        let system = if system { fs::read(SYSTEM).unwrap_or_default() } else { Vec::new() };
        for certificate in
            CertificateDer::pem_slice_iter(&text).chain(CertificateDer::pem_slice_iter(&system)).flatten()
        {
            // Public authorities of unusual kinds are passed over.
            let _ = store.add(certificate);
        }
        if store.is_empty() {
            return Err(Fault::Unseen(format!(
                "nobody is to be believed: `{}` has no certificate",
                own.display()
            )));
        }
        Ok(store)
    }

    fn own(&self, leaves: &[&str]) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Fault> {
        for leaf in leaves {
            let file = |ending: &str| self.pki.join(format!("{leaf}.{ending}"));
            let chain: Option<Vec<_>> = CertificateDer::pem_file_iter(file("crt"))
                .ok()
                .and_then(|certificates| certificates.collect::<Result<_, _>>().ok());
            if let (Some(chain), Ok(key)) = (chain, PrivateKeyDer::from_pem_file(file("key"))) {
                return Ok((chain, key));
            }
        }
        Err(Fault::Unseen(format!(
            "this machine has no certificate to ask with: `{}/{}.crt`",
            self.pki.display(),
            leaves.join(".crt` or `")
        )))
    }
}

/// Whoever says nothing is not seen; whoever says something wrong is wrong.
fn failed(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            Fault::Unseen(format!("no answer within {} seconds", PATIENCE.as_secs()))
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            Fault::Unseen(format!("the connection was cut: {error}"))
        }
        _ => Fault::Wrong(error.to_string()),
    }
}
