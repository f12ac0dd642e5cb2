//! Random policies as text, sound and broken.

use serde_json::json;

use crate::random::Random;

/// Writes policies. `slips` is the percentage of places where something unsound may stand.
pub struct Writer {
    pub random: Random,
    pub slips: u64,
}

const SOURCES: &[&str] = &[
    "*",
    "user0@example.com",
    "user1@",
    "user2@example.com",
    "group:a",
    "group:b",
    "tag:t0",
    "tag:t1",
    "tag:t2",
    "host1",
    "net1",
    "100.64.0.2",
    "100.64.0.0/30",
    "fd7a:115c:a1e0::2",
    "autogroup:member",
    "autogroup:tagged",
    "autogroup:danger-all",
    " tag:t0 ",
];
const WRONG_SOURCES: &[&str] = &[
    "tag:none",
    "group:none",
    "nohost",
    "autogroup:self",
    "autogroup:internet",
    "autogroup:nonroot",
    "autogroup:x",
    "group",
    "tag:",
    "tag:1x",
    "alice",
    "",
    "1.2.3.4/33",
    "fe80::1%eth0",
    "group:a:b",
    "a@b@c",
    "tag:t0@x",
    "10.0.0.1/8",
    ":",
];
const TARGETS: &[&str] = &[
    "*",
    "user0@example.com",
    "user1@",
    "group:a",
    "tag:t0",
    "tag:t1",
    "tag:t2",
    "host1",
    "net1",
    "100.64.0.3",
    "100.64.0.0/29",
    "[fd7a:115c:a1e0::3]",
    "[fd7a:115c:a1e0::]/64",
    "autogroup:member",
    "autogroup:tagged",
    "autogroup:internet",
    "fd7a:115c:a1e0::2",
];
const WRONG_TARGETS: &[&str] = &[
    "tag:none",
    "group:none",
    "nohost",
    "autogroup:danger-all",
    "autogroup:nonroot",
    "autogroup:x",
    "[100.64.0.1]",
    "[fd7a::1",
    "tag:1",
    " tag:t0",
    "",
    "alice",
    "x:y",
];
const PORTS: &[&str] =
    &["*", "22", "80-90", "22,443", "0-10", "1-65535", "80--90", "+5", "007", "443,80-90,81-100"];
const WRONG_PORTS: &[&str] =
    &["0", "65536", "90-80", "ssh", "22, 443", "", "-5", "1-2-3", "22,", "*,22", "0-0"];
const PROTOS: &[&str] =
    &["\"tcp\"", "\"udp\"", "\"TCP\"", "\"6\"", "6", "\"sctp\"", "\"\"", "\"17\"", "\"06\""];
const PORTLESS: &[&str] =
    &["\"icmp\"", "\"ipv6-icmp\"", "\"gre\"", "\"1\"", "58", "\"ESP\"", "\"99\"", "\"ip-in-ip\""];
const WRONG_PROTOS: &[&str] =
    &["\"*\"", "\"256\"", "\"-1\"", "\"099\"", "\"tcpp\"", "null", "true", "[]", "\"0\"", "6.5"];
const JUNK: &[&str] = &["null", "5", "true", "\"x\"", "{}", "[]", "[[]]", "[null]", "[5]", "{\"x\": 1}"];

impl Writer {
    fn slip(&mut self) -> bool {
        self.random.chance(self.slips)
    }

    /// One policy.
    pub fn policy(mut self) -> String {
        if self.slips > 0 && self.random.chance(2) {
            return self
                .random
                .pick(&[
                    "",
                    "{}",
                    "null",
                    "[]",
                    " ",
                    "{\"acls\": null}",
                    "{\"grants\": []}",
                    "{",
                    "# x\n{}",
                    "\u{feff}{}",
                    "{} x",
                    "{\"a\": 1}",
                    "{'acls': []}",
                ])
                .to_owned();
        }
        let mut members = Vec::new();
        let groups = self.groups();
        members.push(("groups", groups));
        members.push(("hosts", self.hosts()));
        members.push(("tagOwners", self.tag_owners()));
        if self.random.chance(85) {
            let rules = self.list(4, Self::acl);
            members.push(("acls", rules));
        }
        if self.random.chance(35) {
            let rules = self.list(3, Self::grant);
            members.push(("grants", rules));
        }
        if self.random.chance(20) {
            let list = self.list(2, Self::node_attr);
            members.push(("nodeAttrs", list));
        }
        if self.random.chance(25) {
            let list = self.list(2, Self::ssh);
            members.push(("ssh", list));
        }
        if self.random.chance(10) {
            let list = self.list(2, Self::test);
            members.push(("tests", list));
        }
        if self.random.chance(10) {
            let list = self.list(2, Self::ssh_test);
            members.push(("sshTests", list));
        }
        if self.random.chance(15) {
            let value = self.auto_approvers();
            members.push(("autoApprovers", value));
        }
        if self.random.chance(10) {
            let value = self.random.pick(&["true", "false", "null"]).to_owned();
            members.push(("randomizeClientPort", value));
        }
        self.object(members)
    }

    /// An object with, now and then, junk for a value, another case, an unknown name, a repetition, comments.
    fn object(&mut self, members: Vec<(&'static str, String)>) -> String {
        let mut written: Vec<String> = Vec::new();
        for (name, value) in members {
            let value =
                if self.slip() && self.random.chance(20) { self.random.pick(JUNK).to_owned() } else { value };
            let name = match self.random.below(60) {
                0 => name.to_uppercase(),
                1 => format!("{}{}", &name[..1].to_uppercase(), &name[1..]),
                2 if self.slips > 0 => format!("{}_{}", &name[..1], &name[1..]),
                3 if self.slips > 0 => format!("{name}s"),
                _ => name.to_owned(),
            };
            written.push(format!("{}: {value}", json!(name)));
            if self.slip() && self.random.chance(15) {
                let again = if self.random.chance(50) { name } else { name.to_uppercase() };
                written.push(format!("{}: {value}", json!(again)));
            }
        }
        let separator = self.random.pick(&[", ", ",\n", ", // note\n", ", /* note */ "]);
        let end = self.random.pick(&["", ",", "\n"]);
        format!("{{{}{end}}}", written.join(separator)).replace("{,}", "{}")
    }

    fn list(&mut self, most: usize, mut item: impl FnMut(&mut Self) -> String) -> String {
        let count = self.random.below(most + 1);
        let mut items: Vec<String> = (0..count).map(|_| item(self)).collect();
        if self.slip() && self.random.chance(20) {
            items.push(self.random.pick(JUNK).to_owned());
        }
        let end = if !items.is_empty() && self.random.chance(10) { "," } else { "" };
        format!("[{}{end}]", items.join(", "))
    }

    fn strings(&mut self, most: usize, good: &[&str], wrong: &[&str]) -> String {
        self.list(most, |writer| {
            let text = if writer.slip() { writer.random.pick(wrong) } else { writer.random.pick(good) };
            json!(text).to_string()
        })
    }

    fn groups(&mut self) -> String {
        let users = &["user0@example.com", "user1@", "user2@example.com", "user0@", "nobody@example.com"];
        let wrong = &["tag:t0", "group:b", "alice", "*", "autogroup:member", ""];
        let a = self.strings(3, users, wrong);
        let b = self.strings(2, users, wrong);
        let name =
            if self.slip() { self.random.pick(&["b", "group:", "tag:b", "group:x@y"]) } else { "group:b" };
        format!("{{\"group:a\": {a}, \"{name}\": {b}}}")
    }

    fn hosts(&mut self) -> String {
        let net = if self.slip() {
            self.random.pick(&["100.64.0.1/28", "x", "", "1.2.3.4/33", "fd7a::/129"])
        } else {
            self.random.pick(&["100.64.0.0/29", "fd7a:115c:a1e0::/64", "0.0.0.0/0"])
        };
        let name = if self.slip() { self.random.pick(&["a@b", "a:b", "100.64.0.1"]) } else { "other" };
        format!("{{\"host1\": \"100.64.0.1\", \"net1\": \"{net}\", \"{name}\": \"10.0.0.0/8\"}}")
    }

    fn tag_owners(&mut self) -> String {
        let good = &["group:a", "user0@example.com", "tag:t0", "tag:t1"];
        let wrong = &["*", "alice", "autogroup:member", "group:none", "tag:none"];
        let lists: Vec<String> = (0..3).map(|_| self.strings(2, good, wrong)).collect();
        let odd = if self.slip() {
            self.random.pick(&["x", "tag:", "tag:1", "tag:T_x", "tag:ü"])
        } else {
            "tag:spare"
        };
        format!(
            "{{\"tag:t0\": {}, \"tag:t1\": {}, \"tag:t2\": {}, \"{odd}\": []}}",
            lists[0], lists[1], lists[2]
        )
    }

    fn destination(&mut self, portless: bool) -> String {
        let target = if self.slip() { self.random.pick(WRONG_TARGETS) } else { self.random.pick(TARGETS) };
        let ports = if self.slip() {
            self.random.pick(WRONG_PORTS)
        } else if portless {
            "*"
        } else {
            self.random.pick(PORTS)
        };
        let text = if self.slip() && self.random.chance(30) {
            target.to_owned()
        } else {
            format!("{target}:{ports}")
        };
        json!(text).to_string()
    }

    fn acl(&mut self) -> String {
        let mut members = Vec::new();
        if self.random.chance(95) {
            let action = if self.slip() {
                self.random.pick(&["\"deny\"", "\"Accept\"", "null", "\"\"", "1"])
            } else {
                "\"accept\""
            };
            members.push(("action", action.to_owned()));
        }
        let portless = self.random.chance(20);
        if self.slip() {
            members.push(("proto", self.random.pick(WRONG_PROTOS).to_owned()));
        } else if portless {
            members.push(("proto", self.random.pick(PORTLESS).to_owned()));
        } else if self.random.chance(60) {
            members.push(("proto", self.random.pick(PROTOS).to_owned()));
        }
        let own = self.random.chance(12);
        let src = if own && !self.slip() {
            self.strings(
                3,
                &["user0@example.com", "user1@", "group:a", "autogroup:member", "*"],
                WRONG_SOURCES,
            )
        } else {
            self.strings(3, SOURCES, WRONG_SOURCES)
        };
        members.push(("src", src));
        let dst =
            self.list(
                3,
                |writer| {
                    if own { "\"autogroup:self:*\"".to_owned() } else { writer.destination(portless) }
                },
            );
        members.push(("dst", dst));
        if self.random.chance(5) {
            members.push(("#note", "{\"x\": [1]}".to_owned()));
        }
        self.object(members)
    }

    fn grant(&mut self) -> String {
        let mut members = Vec::new();
        let src = self.strings(3, SOURCES, WRONG_SOURCES);
        members.push(("src", src));
        let plain: Vec<&str> =
            TARGETS.iter().map(|t| if t.starts_with('[') { "100.64.0.4" } else { t }).collect();
        let dst = self.strings(
            3,
            &plain,
            &["tag:t0:22", "0.0.0.0/0", "::/0", "autogroup:self", "nohost", "autogroup:danger-all"],
        );
        members.push(("dst", dst));
        if self.random.chance(90) {
            let ip = self.strings(
                3,
                &[
                    "*",
                    "22",
                    "tcp:22",
                    "tcp:22,443",
                    "udp:*",
                    "icmp:*",
                    "80-90",
                    "6:80",
                    ":22",
                    "sctp:1-5",
                    "icmp:22",
                ],
                &["TCP:22", "tcp", "tcp:22:23", "tcp:0", "06:22", "*:22", "tcp:", "x:22", ""],
            );
            members.push(("ip", ip));
        }
        if self.random.chance(15) {
            let app = if self.slip() {
                self.random.pick(&[
                    "{\"https://x.example/y\": []}",
                    "{\"tailscale.com/cap/ingress\": []}",
                    "{\"x.example/y\": {}}",
                    "[]",
                ])
            } else {
                self.random.pick(&[
                    "{\"x.example/y\": [{\"a\": 1}]}",
                    "{\"tailscale.com/cap/drive\": []}",
                    "{}",
                    "{\"x\": null}",
                ])
            };
            members.push(("app", app.to_owned()));
        }
        if self.random.chance(8) {
            let via = self.strings(1, &["tag:t0"], &["user0@example.com", "tag:none", "x"]);
            members.push(("via", via));
        }
        self.object(members)
    }

    fn node_attr(&mut self) -> String {
        let target = self.strings(
            2,
            &["*", "tag:t0", "group:a", "autogroup:member", "autogroup:tagged", "host1", "100.64.0.1"],
            &["autogroup:self", "autogroup:internet", "tag:none", "nohost"],
        );
        let attr = self.strings(2, &["cache-network-maps", "magicdns-aaaa", "x"], &["funnel"]);
        let mut members = vec![("target", target), ("attr", attr)];
        if self.slip() {
            let pool =
                self.random.pick(&["[]", "[\"100.81.0.0/16\"]", "[\"10.0.0.0/8\"]", "[\"x\"]", "null"]);
            members.push(("ipPool", pool.to_owned()));
        }
        self.object(members)
    }

    fn ssh(&mut self) -> String {
        let mut members = Vec::new();
        let action = if self.slip() {
            self.random.pick(&["\"\"", "\"deny\"", "null", "\" check \""])
        } else {
            self.random.pick(&["\"accept\"", "\"check\"", " \"check\""])
        };
        members.push(("action", action.to_owned()));
        let src = self.strings(
            2,
            &["group:a", "user0@example.com", "autogroup:member", "user1@"],
            &[
                "tag:t0",
                "autogroup:tagged",
                "*",
                "host1",
                "100.64.0.1",
                "group:none",
                "autogroup:self",
                "autogroup:x",
            ],
        );
        members.push(("src", src));
        let dst = self.strings(
            2,
            &["tag:t0", "tag:t1", "autogroup:tagged", "autogroup:self"],
            &[
                "autogroup:member",
                "user0@example.com",
                "*",
                "group:a",
                "host1",
                "100.64.0.1",
                "tag:none",
                "tag:t0:22",
                "autogroup:internet",
            ],
        );
        members.push(("dst", dst));
        if self.random.chance(95) {
            let users = self.strings(
                2,
                &["root", "admin", "autogroup:nonroot", "localpart:*@example.com", "localpart:x"],
                &["", "*", " ", "group:a"],
            );
            members.push(("users", users));
        }
        if self.random.chance(30) {
            let period = self.random.pick(&[
                "\"12h\"",
                "\"168h\"",
                "\"always\"",
                "\"0\"",
                "null",
                "\"169h\"",
                "\"-1h\"",
                "\"1d\"",
                "12",
                "\"1h30m\"",
                "\"\"",
                "0",
            ]);
            members.push(("checkPeriod", period.to_owned()));
        }
        if self.random.chance(10) {
            let env = self.strings(2, &["LANG", "*"], &[""]);
            members.push(("acceptEnv", env));
        }
        self.object(members)
    }

    fn test(&mut self) -> String {
        let mut members = vec![("src", "\"user0@example.com\"".to_owned())];
        if self.random.chance(50) {
            let proto = self.random.pick(&["\"tcp\"", "\"udp\"", "\"sctp\"", "\"\"", "\"icmp\"", "\"6\""]);
            members.push(("proto", proto.to_owned()));
        }
        let accept = self.strings(
            2,
            &["tag:t0:22", "host1:80", "100.64.0.1:1", "*:22", "tag:none:22"],
            &[
                "tag:t0:*",
                "tag:t0:1-2",
                "net1:22",
                "100.64.0.0/30:22",
                "autogroup:internet:80",
                "x",
                "tag:1:22",
            ],
        );
        members.push(("accept", accept));
        if self.random.chance(40) {
            members.push(("deny", "[\"tag:t1:22\"]".to_owned()));
        }
        self.object(members)
    }

    fn ssh_test(&mut self) -> String {
        let src = if self.slip() {
            self.random.pick(&["\"\"", "\" \"", "null", "\"a:b\"", "5"])
        } else {
            "\"user0@example.com\""
        };
        let dst = self.strings(
            2,
            &["tag:t0", "host1", "autogroup:self", "100.64.0.1", "autogroup:x", "nohost"],
            &["tag:none", "tag:t0:22", "net1", "100.64.0.0/30", "autogroup:internet"],
        );
        let accept = self.strings(2, &["root"], &[""]);
        self.object(vec![("src", src.to_owned()), ("dst", dst), ("accept", accept)])
    }

    fn auto_approvers(&mut self) -> String {
        let good = &["tag:t0", "group:a", "user0@example.com"];
        let wrong = &["*", "autogroup:member", "tag:none", "alice"];
        let route = if self.slip() {
            self.random.pick(&["10.0.0.1", "x", "", "10.0.0.0/33"])
        } else {
            self.random.pick(&["10.0.0.0/8", "0.0.0.0/0", "10.0.0.1/24"])
        };
        let approvers = self.strings(2, good, wrong);
        let exit = self.strings(2, good, wrong);
        self.object(vec![("routes", format!("{{\"{route}\": {approvers}}}")), ("exitNode", exit)])
    }
}
