//! The picture: who is in the mesh and on which machines it stands, laid out on a grid.
//!
//! Above the bar of the mesh are people and the relay hosts, below it all other machines and the pools. A card names
//! at most twelve members, so that ten thousand machines make the same picture as fifteen.

mod card;
mod draw;

pub(crate) use draw::Drawing;

use keystone_model::{Cluster, IngressMode, Role};

use card::{Card, Line};
use draw::{Canvas, Ink};

use crate::wording::{cut, natural};

const WIDTH: u32 = 1120;
const GAP: u32 = 16;
const PAD: u32 = 14;
/// Height of a frame's heading.
const HEADING: u32 = 40;
const BAR: u32 = 40;
/// Length of the lines between frames and bar.
const STUB: u32 = 26;
const MOST_NAMES: usize = 12;
const MOST_PEOPLE: usize = 5;
const MOST_GROUPS: usize = 6;
const MOST_POOLS: usize = 6;

/// Draws the cluster.
pub(crate) fn of(cluster: &Cluster) -> Drawing {
    let mut canvas = Canvas::default();
    let people = card::people(cluster, MOST_GROUPS, MOST_PEOPLE);
    let relays: Vec<Card> =
        Role::RELAY_HOSTS.iter().filter_map(|role| machines(cluster, *role, true)).collect();
    let people_width = if people.is_empty() { 0 } else { WIDTH * 2 / 5 };
    let relay_left = if people.is_empty() { 0 } else { people_width + GAP };
    let relay_width = WIDTH - relay_left;

    let people_rows: Vec<&[Card]> = people.chunks(2).collect();
    let relay_rows: Vec<&[Card]> = relays.chunks(2).collect();
    let tallest = |rows: &[&[Card]]| -> u32 {
        rows.iter().map(|row| row.iter().map(Card::height).max().unwrap_or(0) + PAD).sum()
    };
    let top_height = HEADING + tallest(&people_rows).max(tallest(&relay_rows));
    if !people.is_empty() {
        let heading = format!("People · {}", cluster.people.len());
        frame(&mut canvas, 0, 0, people_width, top_height, &heading, "by group", Ink::Frame);
        rows(&mut canvas, 0, people_width, HEADING, &people_rows, None);
    }
    let heading = format!("Relay hosts · {}", relays.iter().map(|card| card.count).sum::<usize>());
    let relay = &cluster.mesh.relay;
    let note = format!("DERP on {}, STUN on {}/udp", relay.port, relay.stun_port);
    frame(&mut canvas, relay_left, 0, relay_width, top_height, &heading, &note, Ink::Relays);
    rows(
        &mut canvas,
        relay_left,
        relay_width,
        HEADING,
        &relay_rows,
        Some(top_height.saturating_sub(HEADING + PAD)),
    );

    let bar = top_height + STUB;
    for x in [people_width / 2, relay_left + relay_width / 2] {
        if x > 0 {
            canvas.line(x, top_height, x, bar, Ink::Edge);
        }
    }
    mesh_bar(&mut canvas, cluster, bar);
    let bottom = below(&mut canvas, cluster, bar + BAR);
    legend(&mut canvas, bottom + 22);
    canvas.finish(WIDTH, bottom + 34, summary(cluster))
}

fn mesh_bar(canvas: &mut Canvas, cluster: &Cluster, top: u32) {
    canvas.rect(0, top, WIDTH, BAR, 8, Ink::Mesh);
    canvas.text(20, top + 25, Ink::MeshStrong, &format!("WireGuard mesh · {}", cluster.mesh.base_domain));
    let coordinator =
        format!("Headscale on {} · {}", cluster.mesh.coordinator.node, cluster.mesh.url.as_str());
    let shown = cut(&coordinator, 76);
    canvas.text_end(WIDTH - 20, top + 25, Ink::MeshText, &shown);
}

/// Machines without a relay, and pools. Returns where they end.
fn below(canvas: &mut Canvas, cluster: &Cluster, bar: u32) -> u32 {
    let others = Role::ALL.into_iter().filter(|role| !Role::RELAY_HOSTS.contains(role));
    let cards: Vec<Card> = others.filter_map(|role| machines(cluster, role, false)).collect();
    let pools = card::pools(cluster, MOST_POOLS);
    let columns = cards.len() + usize::from(!pools.is_empty());
    let Ok(columns) = u32::try_from(columns.max(1)) else { return bar };
    let width = (WIDTH - GAP * (columns - 1)) / columns;
    let top = bar + STUB;
    let pools_height = if pools.is_empty() {
        0
    } else {
        HEADING + pools.iter().map(|pool| pool.height() + PAD).sum::<u32>()
    };
    let height = cards.iter().map(Card::height).max().unwrap_or(0).max(pools_height);
    let mut left = 0;
    for card in &cards {
        canvas.line(left + width / 2, bar, left + width / 2, top, Ink::Edge);
        card.draw(canvas, left, top, width, height);
        left += width + GAP;
    }
    if !pools.is_empty() {
        canvas.line(left + width / 2, bar, left + width / 2, top, Ink::Dashed);
        let heading = format!("Pools · {}", cluster.pools.len());
        frame(canvas, left, top, width, height, &heading, "", Ink::Pools);
        let mut y = top + HEADING;
        for pool in &pools {
            pool.draw(canvas, left + PAD, y, width - 2 * PAD, pool.height());
            y += pool.height() + PAD;
        }
    }
    if height == 0 { bar } else { top + height }
}

#[allow(
    clippy::too_many_arguments,
    reason = "a rectangle has four numbers, and its two texts and ink belong to it"
)]
fn frame(canvas: &mut Canvas, x: u32, y: u32, width: u32, height: u32, heading: &str, note: &str, ink: Ink) {
    canvas.rect(x, y, width, height, 10, ink);
    canvas.text(x + PAD, y + 25, Ink::Heading, heading);
    canvas.text_end(x + width - PAD, y + 25, Ink::Note, note);
}

/// Rows of at most two cards; `stretch` gives a single row its height.
fn rows(canvas: &mut Canvas, left: u32, width: u32, top: u32, rows: &[&[Card]], stretch: Option<u32>) {
    let mut y = top;
    for row in rows {
        // A last card alone keeps the width of those above it.
        let columns = if rows.len() > 1 || row.len() > 1 { 2 } else { 1 };
        let card_width = (width - PAD * (columns + 1)) / columns;
        let own = row.iter().map(Card::height).max().unwrap_or(0);
        let height = if rows.len() == 1 { stretch.unwrap_or(own) } else { own };
        let mut x = left + PAD;
        for card in *row {
            card.draw(canvas, x, y, card_width, height);
            x += card_width + PAD;
        }
        y += height + PAD;
    }
}

/// The card of a role, where machines have it.
fn machines(cluster: &Cluster, role: Role, with_address: bool) -> Option<Card> {
    let coordinator = &cluster.mesh.coordinator.node;
    let mut nodes: Vec<_> = cluster.nodes.iter().filter(|(_, node)| node.roles.contains(&role)).collect();
    if nodes.is_empty() {
        return None;
    }
    // The coordinator is named even where most machines are only counted.
    nodes.sort_by_cached_key(|(name, _)| (*name != coordinator, natural(name.as_str())));
    let lines = nodes.iter().take(MOST_NAMES).map(|(name, node)| Line {
        text: name.to_string(),
        note: node.endpoint.as_ref().filter(|_| with_address).map(ToString::to_string).unwrap_or_default(),
        mark: if node.roles.contains(&Role::Primer) { Ink::Sleeper } else { Ink::Machine },
        coordinator: *name == coordinator,
    });
    Some(Card {
        heading: role.as_str().to_owned(),
        count: nodes.len(),
        note: purpose(cluster, role),
        lines: lines.collect(),
        dashed: false,
    })
}

fn purpose(cluster: &Cluster, role: Role) -> String {
    match role {
        Role::Primer => {
            let primers = cluster.nodes.values().filter(|node| node.roles.contains(&Role::Primer)).count();
            format!("root of trust, {} of {primers} · may sleep", cluster.secrets.quorum_size)
        }
        Role::ControlPlane => "etcd and the API of Kubernetes".to_owned(),
        Role::Worker | Role::Cloud => "workloads".to_owned(),
        Role::Storage => format!("Ceph, {} copies", cluster.storage.replicas),
        Role::Ingress => {
            let mode = |mode: &IngressMode| match mode {
                IngressMode::Nodes => "own addresses",
                IngressMode::CloudflareTunnel => "tunnel",
            };
            let modes: Vec<&str> = cluster.ingress.modes.iter().map(mode).collect();
            if modes.is_empty() { "requests".to_owned() } else { modes.join(", ") }
        }
        Role::Monitoring => "metrics and logs".to_owned(),
        Role::Backup => "ZFS streams".to_owned(),
    }
}

fn legend(canvas: &mut Canvas, y: u32) {
    let mut x = 2;
    for (mark, text, width) in [
        (Ink::Machine, "machine", 90),
        (Ink::Sleeper, "primer, may sleep once the cluster stands", 300),
        (Ink::Coordinator, "coordinator (Headscale starts here)", 0),
    ] {
        canvas.mark(x + 5, y - 4, mark);
        canvas.text(x + 16, y, Ink::Note, text);
        x += width;
    }
}

/// What the picture says, for those who do not see it.
fn summary(cluster: &Cluster) -> String {
    let count = |role: &Role| cluster.nodes.values().filter(|node| node.roles.contains(role)).count();
    let mut parts: Vec<String> = Role::ALL
        .iter()
        .map(|role| (role, count(role)))
        .filter(|(_, n)| *n > 0)
        .map(|(role, n)| format!("{n} {role}"))
        .collect();
    parts.push(format!("{} pools", cluster.pools.len()));
    parts.push(format!("{} people", cluster.people.len()));
    format!(
        "{} in the mesh {}. Relays run on every primer and every control-plane node; the coordinator starts on {}; primers may sleep.",
        parts.join(", "),
        cluster.mesh.base_domain,
        cluster.mesh.coordinator.node
    )
}
