//! A case: what a folder holds, and the page of it.

use std::fs;
use std::path::{Path, PathBuf};

use keystone_model::{Cluster, Finding};
use keystone_report::{Error, Fact, File, Input, report};
use scraper::{Html, Selector};
use serde_json::Value;

/// The input of a page.
#[derive(Debug, Clone)]
pub struct Case {
    pub cluster: Cluster,
    pub matrix: String,
    pub warnings: Vec<Finding>,
    pub files: Vec<File>,
    pub facts: Vec<Fact>,
}

impl Case {
    /// Reads a folder. The inventory is not validated: the page must hold for any.
    pub fn read(folder: &Path) -> Self {
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let extra: Value = serde_json::from_str(&text("extra.json")).unwrap();
        let list = |key: &str| extra[key].as_array().unwrap().clone();
        let string = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
        let number = |value: &Value, key: &str| usize::try_from(value[key].as_u64().unwrap()).unwrap();
        Self {
            cluster: toml::from_str(&text("cluster.toml")).unwrap(),
            matrix: text("reachability.json"),
            warnings: list("warnings")
                .iter()
                .map(|warning| Finding {
                    path: string(warning, "path"),
                    line: number(warning, "line"),
                    column: number(warning, "column"),
                    message: string(warning, "message"),
                    fix: string(warning, "fix"),
                    span: None,
                })
                .collect(),
            files: list("files")
                .iter()
                .map(|file| File {
                    path: string(file, "path"),
                    bytes: file["bytes"].as_u64().unwrap(),
                    sha256: string(file, "sha256"),
                })
                .collect(),
            facts: list("facts")
                .iter()
                .map(|fact| Fact { what: string(fact, "what"), how: string(fact, "how") })
                .collect(),
        }
    }

    /// The same with another matrix.
    pub fn with_matrix(&self, matrix: String) -> Self {
        Self { matrix, ..self.clone() }
    }

    /// The page, or why there is none.
    pub fn try_page(&self) -> Result<String, Error> {
        report(&Input {
            cluster: &self.cluster,
            reachability: &self.matrix,
            warnings: &self.warnings,
            files: &self.files,
            facts: &self.facts,
        })
    }

    /// The page.
    pub fn page(&self) -> String {
        self.try_page().unwrap()
    }
}

/// What the page's script reads.
pub fn data(page: &Html) -> Value {
    let selector = Selector::parse("#data").unwrap();
    let text: String = page.select(&selector).next().unwrap().text().collect();
    serde_json::from_str(&text).unwrap()
}

/// The folders in a folder, by name.
pub fn folders(folder: &str) -> impl Iterator<Item = PathBuf> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders.into_iter()
}
