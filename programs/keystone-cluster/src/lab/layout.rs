//! The lab's folder. A marker in it says that it is one, and what it is of: nothing else is ever removed.

use std::env;
use std::fs::{self, DirBuilder};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::lock::Lock;
use super::primer::Primer;
use super::{LabError, PRIMER};

const MARKER: &str = "LAB-UNTRUSTED.json";

/// The lab's folder.
pub struct Layout {
    pub folder: PathBuf,
    pub cluster: String,
    primers: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    warning: String,
    cluster: String,
    primers: Vec<Entry>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: String,
    address: String,
}

impl Layout {
    /// The lab in a folder, if there is one.
    pub fn open(folder: &Path) -> Result<Option<Self>, LabError> {
        let Ok(folder) = fs::canonicalize(folder) else { return Ok(None) };
        let path = folder.join(MARKER);
        if !path.is_file() {
            let mut entries = fs::read_dir(&folder).map_err(LabError::file(&folder))?;
            return if entries.next().is_none() { Ok(None) } else { Err(LabError::Foreign(folder)) };
        }
        let text = fs::read_to_string(&path).map_err(LabError::file(&path))?;
        let marker: Marker = serde_json::from_str(&text).map_err(|_| LabError::Foreign(folder.clone()))?;
        Ok(Some(Self { folder, cluster: marker.cluster, primers: marker.primers }))
    }

    /// A new one, with a free port for each primer.
    pub fn create(
        folder: &Path,
        cluster: &str,
        quorum: u32,
        names: &[String],
        inventory: &str,
    ) -> Result<Self, LabError> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(LabError::file(folder))?;
        let folder = fs::canonicalize(folder).map_err(LabError::file(folder))?;
        // All at once, so that no port is given twice.
        let sockets: Vec<TcpListener> = names
            .iter()
            .map(|_| TcpListener::bind("127.0.0.1:0"))
            .collect::<Result<_, _>>()
            .map_err(LabError::file(&folder))?;
        let mut primers = Vec::new();
        for (name, socket) in names.iter().zip(&sockets) {
            let address = socket.local_addr().map_err(LabError::file(&folder))?.to_string();
            primers.push(Entry { name: name.clone(), address });
        }
        let layout = Self { folder, cluster: cluster.to_owned(), primers };
        layout.write("cluster.toml", inventory)?;
        let bin = layout.folder.join("bin");
        fs::create_dir_all(&bin).map_err(LabError::file(&bin))?;
        let program = layout.program();
        let own = env::current_exe().map_err(LabError::file(&program))?;
        let _ = fs::remove_file(&program);
        symlink(own, &program).map_err(LabError::file(&program))?;
        let peers: Vec<String> =
            layout.primers.iter().map(|primer| format!("{}={}", primer.name, primer.address)).collect();
        for primer in &layout.primers {
            let folder = layout.folder.join(&primer.name);
            DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(LabError::file(&folder))?;
            let config = json!({
                "schema": 1,
                "node": primer.name,
                "role": "primer",
                "port": 0,
                "listen": primer.address,
                "cluster": cluster,
                "peers": peers,
                "quorumSize": quorum,
                "keyStorage": folder.join("keys"),
                "labKey": folder.join("LAB-UNTRUSTED.key"),
                "backupRecipient": folder.join("backup-recipient.txt"),
                "inventory": layout.folder.join("cluster.toml"),
            });
            layout.write(&format!("{}/primer.json", primer.name), &format!("{config:#}\n"))?;
        }
        // Last: a folder with the marker is whole.
        let marker = Marker {
            warning: "This is a lab. Its keys lie in files, and nothing that it signs is to be trusted."
                .to_owned(),
            cluster: cluster.to_owned(),
            primers: layout.primers.clone(),
        };
        let text = serde_json::to_string_pretty(&marker).unwrap_or_default();
        layout.write(MARKER, &(text + "\n"))?;
        Ok(layout)
    }

    /// Held by one command at a time. Who had it before may have taken the lab away.
    pub fn lock(&self) -> Result<Lock, LabError> {
        let lock = Lock::take(&self.folder)?;
        if self.folder.join(MARKER).is_file() { Ok(lock) } else { Err(LabError::NoLab(self.folder.clone())) }
    }

    fn write(&self, name: &str, text: &str) -> Result<(), LabError> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(LabError::file(&path))
    }

    /// This program under its other name.
    pub fn program(&self) -> PathBuf {
        self.folder.join("bin").join(PRIMER)
    }

    /// The command that makes every credential.
    pub fn credentials(&self) -> Vec<String> {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let mut arguments = vec!["generate-credentials".to_owned()];
        for (flag, name) in [("--inventory", "cluster.toml"), ("--secrets", "secrets"), ("--trust", "trust")]
        {
            arguments.extend([flag.to_owned(), path(name)]);
        }
        arguments
    }

    /// The primers, by their number.
    pub fn primers(&self) -> Vec<Primer> {
        let program = self.program();
        self.primers
            .iter()
            .map(|entry| Primer::new(&self.folder, &program, &entry.name, &entry.address))
            .collect()
    }
}
