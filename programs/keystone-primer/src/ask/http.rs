//! One question over HTTP/1.0: no pipelining, no chunks, no redirects; the other side closes when it has answered.

use std::io::{self, Read, Write};

/// More is no answer to what is asked here.
const MOST: u64 = 1 << 20;

/// An answer.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// Asks, and reads to the end.
pub fn exchange(
    stream: &mut (impl Read + Write),
    host: &str,
    method: &str,
    path: &str,
    body: &str,
) -> io::Result<Answer> {
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut bytes = Vec::new();
    match stream.take(MOST).read_to_end(&mut bytes) {
        // Many servers close without saying goodbye to TLS. A whole answer is one by its own length, see below.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> io::Result<Answer> {
    let invalid =
        |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("the answer is no HTTP: {why}"));
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Err(invalid("it ends in its head")),
        Err(error) => return Err(invalid(&error.to_string())),
    };
    let body = &bytes[length..];
    let header = |name: &str| head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    if header("transfer-encoding").is_some() {
        return Err(invalid("it comes in chunks, which HTTP/1.0 does not have"));
    }
    if let Some(announced) = header("content-length") {
        let announced = std::str::from_utf8(announced.value).ok().and_then(|text| text.trim().parse().ok());
        if announced != Some(body.len()) {
            return Err(invalid("it was cut off"));
        }
    }
    Ok(Answer {
        status: head.code.ok_or_else(|| invalid("it has no status"))?,
        body: String::from_utf8_lossy(body).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_or_none() {
        let whole = parse(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        assert_eq!((whole.status, whole.body.as_str()), (200, "ok"));
        assert_eq!(parse(b"HTTP/1.1 503 No\r\n\r\nbecause").unwrap().body, "because");
        let cases: [(&[u8], &str); 5] = [
            (b"", "it ends in its head"),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nok", "it was cut off"),
            (b"HTTP/1.0 200 OK\r\nContent-Length: x\r\n\r\nok", "it was cut off"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "it comes in chunks"),
            (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "invalid"),
        ];
        for (bytes, expected) in cases {
            let error = parse(bytes).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
