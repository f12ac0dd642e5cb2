//! Values that are parsed once, at the door, and never passed on as plain text.

mod domain;
mod keys;
mod name;
mod net;
mod port;
mod quantity;
mod text;

pub use domain::{Domain, Email, Endpoint, HttpsUrl};
pub use keys::{AgeRecipient, KeyKind, SshPublicKey};
pub use name::{AwsRegion, Label, Name};
pub use net::{Cidr, MacAddress};
pub use port::{Port, PortRange, Proto};
pub use quantity::{Duration, Size};
pub use text::ParseError;
