//! Messages on a connection: their length in four bytes, then JSON.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::refusal::Refusal;

/// No message is longer.
pub const LONGEST: u32 = 4 << 20;

/// Sends a message.
pub fn send<T: Serialize>(stream: &mut impl Write, message: &T) -> Result<(), Refusal> {
    let lost = |error: &dyn std::fmt::Display| Refusal::new(format!("the connection broke: {error}"));
    let body = Zeroizing::new(serde_json::to_vec(message).map_err(|error| lost(&error))?);
    let length = u32::try_from(body.len()).ok().filter(|length| *length <= LONGEST);
    let length =
        length.ok_or_else(|| Refusal::new(format!("a message of {} bytes is too long", body.len())))?;
    stream
        .write_all(&length.to_be_bytes())
        .and_then(|()| stream.write_all(&body))
        .and_then(|()| stream.flush())
        .map_err(|error| lost(&error))
}

/// Receives a message; none when the other side is done.
pub fn receive<T: DeserializeOwned>(stream: &mut impl Read) -> Result<Option<T>, Refusal> {
    let lost = |error: &io::Error| Refusal::new(format!("the connection broke: {error}"));
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other.map_err(|error| lost(&error))?,
    }
    let length = u32::from_be_bytes(length);
    if length > LONGEST {
        return Err(Refusal::new(format!(
            "the peer announced a message of {length} bytes, which is too long"
        )));
    }
    let mut body = Zeroizing::new(Vec::new());
    let read = stream.take(u64::from(length)).read_to_end(&mut body).map_err(|error| lost(&error))?;
    if u32::try_from(read).ok() != Some(length) {
        return Err(Refusal::new("the connection broke in the middle of a message"));
    }
    // Place and kind of the mistake, not the text.
    serde_json::from_slice(&body).map(Some).map_err(|error| {
        Refusal::new(format!("the peer sent a message that is none, at column {}", error.column()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_bounded_and_whole() {
        let mut sent = Vec::new();
        send(&mut sent, &"text").unwrap();
        assert_eq!(receive::<String>(&mut sent.as_slice()).unwrap().unwrap(), "text");
        assert!(receive::<String>(&mut [].as_slice()).unwrap().is_none());
        let cases: [(&[u8], &str); 3] = [
            (&[0xff; 8], "too long"),
            (&[0, 0, 0, 9, b'"'], "in the middle of a message"),
            (&[0, 0, 0, 1, b'!'], "a message that is none"),
        ];
        for (bytes, expected) in cases {
            let mut bytes = bytes;
            let error = receive::<String>(&mut bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
