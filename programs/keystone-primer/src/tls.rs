//! Connections between primers: TLS 1.3 in both directions with raw public keys (RFC 7250). There is no certificate
//! between primers that could expire or be issued by someone: a peer is its key, and the key is pinned.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::AlwaysResolvesClientRawPublicKeys;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, DistinguishedName, Error,
    ServerConfig, ServerConnection, SignatureScheme, StreamOwned,
};

use crate::node_key::{NodeKey, PublicKey};
use crate::refusal::Refusal;

/// A stranger who says nothing is not waited for.
pub const PATIENCE: Duration = Duration::from_secs(10);
const PROTOCOL: &[u8] = b"keystone-primer/1";
const EXPORTER: &[u8] = b"EXPORTER-keystone-primer-join";

/// Connects, and goes no further unless the peer proves the key of that pin.
pub fn connect(
    key: &NodeKey,
    endpoint: &str,
    pin: &str,
) -> Result<StreamOwned<ClientConnection, TcpStream>, Refusal> {
    let unreachable = |error: &dyn std::fmt::Display| {
        Refusal::new(format!("{endpoint} does not answer: {error}"))
            .fix("is it switched on, and does `keystone-primer serve` run there?")
    };
    let mut refused = None;
    for address in endpoint.to_socket_addrs().map_err(|error| unreachable(&error))? {
        let connected = TcpStream::connect_timeout(&address, Duration::from_secs(3)).and_then(|stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            Ok(stream)
        });
        match connected {
            Ok(mut stream) => {
                let mut tls = client(key, pin)?;
                tls.complete_io(&mut stream).map_err(|error| {
                    if error.to_string().contains(WRONG_KEY) {
                        Refusal::new(format!("{endpoint} answers with another key than the one that is pinned; nothing was sent"))
                            .fix("somebody is in between, or the primer was set up anew; ask its operator for a new token")
                    } else {
                        unreachable(&error)
                    }
                })?;
                return Ok(StreamOwned::new(tls, stream));
            }
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.map_or_else(|| unreachable(&"its name has no address"), |error| unreachable(&error)))
}

fn client(key: &NodeKey, pin: &str) -> Result<ClientConnection, Refusal> {
    let failed = |error: Error| Refusal::new(format!("cannot begin a connection: {error}"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Pinned {
        pin: Some(pin.to_owned()),
        algorithms: provider.signature_verification_algorithms,
    });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(failed)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(key.certified()?)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    // Resumption would leave out the proof of the key.
    config.resumption = rustls::client::Resumption::disabled();
    let name = ServerName::try_from("primer.invalid").map_err(|error| Refusal::new(error.to_string()))?;
    ClientConnection::new(Arc::new(config), name).map_err(failed)
}

/// The server's side. Whoever proves a key may connect; what the key may do is decided by who it is.
pub fn server(key: &NodeKey) -> Result<Arc<ServerConfig>, Refusal> {
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Pinned { pin: None, algorithms: provider.signature_verification_algorithms });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| Refusal::new(format!("cannot listen: {error}")))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(key.certified()?)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(Arc::new(config))
}

/// Accepts a connection and tells whose it is.
pub fn accept(
    config: &Arc<ServerConfig>,
    mut stream: TcpStream,
) -> Result<(StreamOwned<ServerConnection, TcpStream>, PublicKey), Refusal> {
    let failed =
        |error: &dyn std::fmt::Display| Refusal::new(format!("a connection was not accepted: {error}"));
    stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
        .and_then(|()| stream.set_nodelay(true))
        .map_err(|error| failed(&error))?;
    let mut tls = ServerConnection::new(Arc::clone(config)).map_err(|error| failed(&error))?;
    while tls.is_handshaking() {
        tls.complete_io(&mut stream).map_err(|error| failed(&error))?;
    }
    let peer = tls
        .peer_certificates()
        .and_then(|shown| shown.first())
        .and_then(|spki| PublicKey::from_spki(spki))
        .ok_or_else(|| failed(&"the peer showed no Ed25519 key"))?;
    Ok((StreamOwned::new(tls, stream), peer))
}

/// Bytes that only the two ends of this connection know (RFC 8446, section 7.5).
pub trait Exporter {
    /// The bytes.
    fn exporter(&self) -> Result<[u8; 32], Refusal>;
}

macro_rules! exporter {
    ($connection:ty) => {
        impl Exporter for StreamOwned<$connection, TcpStream> {
            fn exporter(&self) -> Result<[u8; 32], Refusal> {
                self.conn
                    .export_keying_material([0; 32], EXPORTER, None)
                    .map_err(|error| Refusal::new(format!("the connection has no exporter: {error}")))
            }
        }
    };
}
exporter!(ClientConnection);
exporter!(ServerConnection);

const WRONG_KEY: &str = "ApplicationVerificationFailure";

#[derive(Debug)]
struct Pinned {
    /// The key that has to be shown; a server takes any, and asks afterwards whose it is.
    pin: Option<String>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pinned {
    fn judge(&self, shown: &CertificateDer<'_>) -> Result<(), Error> {
        let wrong = || Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
        let key = PublicKey::from_spki(shown).ok_or_else(wrong)?;
        match &self.pin {
            Some(pin) if *pin != key.pin() => Err(wrong()),
            _ => Ok(()),
        }
    }

    fn signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(shown.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
    }
}

fn old() -> Error {
    Error::General("only TLS 1.3".to_owned())
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(shown).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge(shown).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
