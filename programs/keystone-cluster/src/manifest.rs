//! `MANIFEST.json`: every file with its size and its hashes, the one of Nix among them.

use std::io::{self, Cursor, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::Utf8Path;
use keystone_generator::Artifact;
use nix_nar::{Encoder, FileSystem, FileSystemMetadata};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::refusal::Refusal;

/// Path of the manifest below the output folder.
pub const MANIFEST: &str = "MANIFEST.json";

/// A file of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Described {
    pub path: String,
    /// In bytes.
    pub size: usize,
    /// Of the file's bytes, in hexadecimal digits.
    pub sha256: String,
    /// SHA-256 of the file as a NAR, as `nix hash path` prints it.
    #[serde(rename = "narHash")]
    pub nar_hash: String,
}

#[derive(Serialize)]
struct Manifest {
    schema: u32,
    files: Vec<Described>,
}

/// Sizes and hashes of files, in their order.
pub fn describe(files: &[Artifact]) -> Result<Vec<Described>, Refusal> {
    files
        .iter()
        .map(|file| {
            let refuse = |reason: String| Refusal::Manifest { path: file.path.clone(), reason };
            Ok(Described {
                path: file.path.clone(),
                size: file.contents.len(),
                sha256: hex(&Sha256::digest(&file.contents)),
                nar_hash: nar_hash(file.contents.as_bytes()).map_err(|error| refuse(error.to_string()))?,
            })
        })
        .collect()
}

/// The manifest itself, which does not list itself.
pub fn write(mut files: Vec<Described>) -> Result<Artifact, Refusal> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut text = serde_json::to_string_pretty(&Manifest { schema: 1, files })
        .map_err(|error| Refusal::Manifest { path: MANIFEST.to_owned(), reason: error.to_string() })?;
    text.push('\n');
    Ok(Artifact::new(MANIFEST, text))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A file system that is one file in memory: what the encoder needs, and nothing touches the disk.
struct OneFile<'a>(&'a [u8]);

impl<'a> FileSystem for OneFile<'a> {
    type File = Cursor<&'a [u8]>;

    fn metadata(&self, _: &Utf8Path) -> io::Result<FileSystemMetadata> {
        let length = u64::try_from(self.0.len()).map_err(io::Error::other)?;
        Ok(FileSystemMetadata::File { executable: false, length })
    }

    fn read_dir(&self, _: &Utf8Path) -> io::Result<Vec<String>> {
        Err(io::ErrorKind::NotADirectory.into())
    }

    fn open(&self, _: &Utf8Path) -> io::Result<Self::File> {
        Ok(Cursor::new(self.0))
    }
}

/// The hash of a regular file that is not executable, in the form of Subresource Integrity.
fn nar_hash(contents: &[u8]) -> Result<String, nix_nar::NarError> {
    let mut encoder = Encoder::new_with_filesystem("/", OneFile(contents))?;
    let mut archive = Vec::with_capacity(contents.len() + 256);
    encoder.read_to_end(&mut archive)?;
    Ok(format!("sha256-{}", STANDARD.encode(Sha256::digest(&archive))))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values: `nix hash path FILE` of Nix 2.26 on files with these bytes.
    #[test]
    fn hashes_are_those_of_nix() {
        for (contents, expected) in [
            ("", "sha256-d6xi4mKdjkX2JFicDIv5niSzpyI0m/Hnm8GGAIU04kY="),
            (
                "hello
",
                "sha256-HDfQGvQL4ugGkd48w99EN3ppmvuxfGjwgJZLL9Bx/BM=",
            ),
            ("12345678", "sha256-ItYyI0JkR+ZKog121Qaz4GKi0kK7eXU22/PuaBvj9Tw="),
            ("ü\n123", "sha256-g9NdO8ZjJp/M2+NNOdPBPLKaAIKwp0aAF9ta3MGRVD4="),
        ] {
            assert_eq!(nar_hash(contents.as_bytes()).unwrap(), expected, "{contents:?}");
        }
    }
}
