//! A world of three candidates, each a folder. An `ssh` on PATH leads to them: it runs the program itself with the settings
//! of that node. Headscale, litestream and systemd are scripts that do to files what those do; `SQLite` is real.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

pub const NODES: [&str; 3] = ["primer-1", "control-1", "control-2"];

pub struct World {
    folder: TempDir,
}

/// What another machine does when it is spoken to. `KILL_AT` names the n-th time that it is told something, and whether the
/// one who speaks dies `before` that is heard, `meanwhile`, or `after`.
const SSH: &str = r#"
while [ "$1" != -- ]; do shift; done
host=${2#root@}; host=${host%%.*}; shift 2
shift 3
count=0
if [ "$1" != status ]; then
  exec 9> "$WORLD/counting"; flock 9
  count=$(($(cat "$WORLD/count" 2>/dev/null || echo 0) + 1))
  echo "$count" > "$WORLD/count"; echo "$host $*" >> "$WORLD/said"
  exec 9>&-
fi
if [ "$KILL_AT" = "$count before" ]; then kill -9 $PPID; exit 1; fi
if [ "$KILL_AT" = "$count meanwhile" ]; then kill -9 $PPID; fi
if [ -e "$WORLD/$host/up" ]; then
  NODE=$host "$PROGRAM" mesh coordinator --settings "$WORLD/$host/settings.json" "$@"
  code=$?
else
  echo "ssh: connect to host $host port 22: No route to host" >&2
  code=255
fi
if [ "$KILL_AT" = "$count after" ]; then kill -9 $PPID; fi
exit $code
"#;

/// systemd: units are files that are there when active. Starting Headscale asks the condition of its unit first.
const SYSTEMCTL: &str = r#"
units="$WORLD/$NODE/units"; verb=$1; shift
case "$1" in --*) shift ;; esac
for unit; do
  case "$verb $unit" in
    "is-active "*) [ -e "$units/$unit" ] || exit 3 ;;
    "stop keystone-coordinator-log.service") [ ! -e "$units/$unit" ] || log; rm -f "$units/$unit" ;;
    "stop "*) rm -f "$units/$unit" ;;
    "start headscale.service")
      if "$PROGRAM" mesh coordinator --settings "$WORLD/$NODE/settings.json" check --starting >/dev/null 2>&1; then
        touch "$units/$unit"
      fi ;;
    "start keystone-coordinator-log.service") touch "$units/$unit"; log ;;
    "restart keystone-coordinator-standby.service") touch "$units/$unit" ;;
    "start "*) touch "$units/$unit" ;;
  esac
done
"#;

/// What litestream does between two looks: the log gets a file of the whole database, and every standby that follows it
/// gets that.
const LOG: &str = r#"
folder="$WORLD/$NODE/shared/log/ltx/0"; mkdir -p "$folder"
number=$(printf %016x $(($(ls "$folder" | wc -l) + 1)))
cp "$WORLD/$NODE/headscale/db.sqlite" "$folder/$number-$number.ltx"
generation=$(jq .generation "$WORLD/$NODE/shared/known")
for node in primer-1 control-1 control-2; do
  [ "$node" != "$NODE" ] && [ ! -e "$WORLD/$node/deaf" ] || continue
  slot="$WORLD/$node/standby/$NODE-$generation/a"; mkdir -p "$slot"
  cp "$WORLD/$NODE/headscale/db.sqlite" "$slot/db.sqlite"
  printf %s "$number" > "$slot/db.sqlite-txid"
done
"#;

const LITESTREAM: &str = r#"
[ "$1 $2" = "restore -o" ] || exit 1
last=$(ls "${4#file://}/ltx/0" | tail -n 1)
cp "${4#file://}/ltx/0/$last" "$3"
"#;

/// Headscale answers on a machine where its unit is active; everybody has the same key unless told otherwise.
const CURL: &str = r#"
for word; do case "$word" in *::*) to=${word#*::} ;; esac; done
case "$to" in 127.0.0.1:*) node=$NODE ;; *) node=${to%%:*} ;; esac
[ -e "$WORLD/$node/up" ] && [ -e "$WORLD/$node/units/headscale.service" ] || exit 7
echo "{\"publicKey\":\"mkey:$(cat "$WORLD/$node/noise")\"}"
"#;

const TAILSCALE: &str = r#"
[ "$1" = ip ] || echo '{"HaveNodeKey":true}'
"#;

/// The account of a candidate that others read.
const SFTP: &str = r#"
while [ $# -gt 2 ]; do shift; done
host=${1#*@}; host=${host%%.*}
echo "$host" >> "$WORLD/$NODE/asked"
[ -e "$WORLD/$host/up" ] && cp "$WORLD/$host/shared/known" "$2"
"#;

impl World {
    pub fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(world.path("bin")).unwrap();
        for (name, script) in [
            ("ssh", SSH),
            ("systemctl", SYSTEMCTL),
            ("log", LOG),
            ("litestream", LITESTREAM),
            ("curl", CURL),
            ("tailscale", TAILSCALE),
            ("sftp", SFTP),
            ("headscale", "echo v0.29.3\n"),
        ] {
            let path = world.path("bin").join(name);
            fs::write(&path, format!("#!/bin/bash\n{script}")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for node in NODES {
            for folder in ["units", "state", "shared", "standby", "headscale"] {
                fs::create_dir_all(world.path(node).join(folder)).unwrap();
            }
            fs::write(world.path(node).join("up"), "").unwrap();
            fs::write(world.path(node).join("noise"), "0123").unwrap();
            fs::write(world.path(node).join("policy"), "{}").unwrap();
            fs::write(world.path(node).join("settings.json"), world.settings(node).to_string()).unwrap();
        }
        // The others of the reference cluster are off.
        fs::create_dir_all(world.path("hosts")).unwrap();
        fs::copy(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts/cluster.toml"),
            world.path("hosts/cluster.toml"),
        )
        .unwrap();
        world.sql(
            "primer-1",
            "CREATE TABLE nodes (id INTEGER PRIMARY KEY, name TEXT, seen REAL); \
             INSERT INTO nodes VALUES (1, 'primer-1', 1.5), (2, 'worker-1', NULL);",
        );
        let lease = json!({ "holder": "primer-1", "generation": 1 }).to_string();
        fs::write(world.path("primer-1/state/lease"), &lease).unwrap();
        for node in NODES {
            fs::write(world.path(node).join("shared/known"), &lease).unwrap();
        }
        world.at("desk", "touch $WORLD/control-{1,2}/units/keystone-coordinator-standby.service");
        world.at(
            "primer-1",
            "touch $WORLD/primer-1/units/headscale.service; systemctl start keystone-coordinator-log.service",
        );
        world
    }

    fn settings(&self, node: &str) -> Value {
        let at = |path: &str| self.path(node).join(path);
        let peers: BTreeMap<_, _> = NODES
            .iter()
            .filter(|name| **name != node)
            .map(|name| {
                let peer = json!({ "meshName": format!("{name}.keystone.internal"), "endpoint": name, "hostKey": "ssh-ed25519 A" });
                (*name, peer)
            })
            .collect();
        json!({
            "node": node, "url": "https://mesh.keystone.example", "host": "mesh.keystone.example", "port": 443,
            "state": at("state"), "shared": at("shared"), "standby": at("standby"),
            "database": at("headscale/db.sqlite"), "noise": at("noise"), "policy": at("policy"),
            "lock": at("lock"), "identity": at("identity"), "account": "replica", "peers": peers,
        })
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Runs a line of shell on a node.
    pub fn at(&self, node: &str, line: &str) -> Output {
        let mut command = Command::new("bash");
        command.args(["-c", line]).env("NODE", node);
        self.environment(&mut command);
        command.output().unwrap()
    }

    /// One look of a candidate at the others. Whom it asked.
    pub fn look(&self, node: &str) -> BTreeSet<String> {
        let asked = self.path(node).join("asked");
        let _ = fs::remove_file(&asked);
        let line = format!("$PROGRAM mesh coordinator --settings $WORLD/{node}/settings.json check");
        let output = self.at(node, &line);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read_to_string(asked).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    pub fn sql(&self, node: &str, statement: &str) {
        let database = self.path(node).join("headscale/db.sqlite");
        let done = Command::new("sqlite3").arg(database).arg(statement).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn environment(&self, command: &mut Command) {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        command
            .env("PATH", path)
            .env("WORLD", self.folder.path())
            .env("PROGRAM", env!("CARGO_BIN_EXE_keystone-cluster"))
            .env("XDG_STATE_HOME", self.path("desk"))
            .env("NO_COLOR", "1")
            .current_dir(self.folder.path());
    }

    /// `keystone-cluster mesh …` at the admin's desk.
    pub fn mesh(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keystone-cluster"));
        command.arg("mesh").args(arguments);
        self.environment(&mut command);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = self.mesh(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).unwrap().replace(&self.folder.path().display().to_string(), "WORLD")
        };
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// Everything of every node that lasts, but for times and for what `SQLite` writes at will.
    pub fn state(&self) -> BTreeMap<String, String> {
        let mut state = BTreeMap::new();
        for node in NODES {
            let shown = self.at(
                node,
                "cd $WORLD/$NODE; for f in state/* shared/known; do [ -f $f ] && echo $f && case $f in *.sqlite) ;; *) cat $f ;; esac; done; ls units; \
                 [ ! -e headscale/db.sqlite ] || sqlite3 headscale/db.sqlite .dump",
            );
            state.insert(node.to_owned(), String::from_utf8(shown.stdout).unwrap());
        }
        state
    }

    /// Those that serve and have a lease.
    pub fn coordinators(&self) -> Vec<&'static str> {
        NODES
            .into_iter()
            .filter(|node| {
                self.path(node).join("state/lease").exists()
                    && self.path(node).join("units/headscale.service").exists()
            })
            .collect()
    }

    /// Of these, what was said before everybody heard who it is now.
    pub fn said_before_announcement(&self) -> usize {
        let said = fs::read_to_string(self.path("said")).unwrap_or_default();
        said.lines().filter(|line| !line.contains(" note ")).count()
    }

    /// What was said to nodes, but questions.
    pub fn said(&self) -> usize {
        fs::read_to_string(self.path("said")).unwrap_or_default().lines().count()
    }
}
