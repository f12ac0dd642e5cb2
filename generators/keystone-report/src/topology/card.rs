//! Cards: a role, a group or a pool, its count and its first names.

use std::collections::BTreeMap;

use keystone_model::intent::groups_of_people;
use keystone_model::{Cluster, Provider};

use super::draw::{Canvas, Ink};
use crate::wording::thousands;

const PAD: u32 = 12;
const HEAD: u32 = 30;
const NOTE: u32 = 18;
const LINE: u32 = 20;
/// Width of a character of the names, 12 px in any monospaced face.
const NAME_WIDTH: u32 = 73;
/// Width of a character of a note, on average; both in tenths of a pixel.
const NOTE_WIDTH: u32 = 64;

/// A card.
#[derive(Debug, Clone)]
pub(super) struct Card {
    pub heading: String,
    pub count: usize,
    /// What it is for; may be empty.
    pub note: String,
    /// The members that are named; the others are counted.
    pub lines: Vec<Line>,
    pub dashed: bool,
}

/// A member.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub text: String,
    /// Stands at the right, where there is room.
    pub note: String,
    pub mark: Ink,
    /// Whether Headscale starts here.
    pub coordinator: bool,
}

impl Card {
    fn more(&self) -> usize {
        self.count.saturating_sub(self.lines.len())
    }

    pub(super) fn height(&self) -> u32 {
        let lines = u32::try_from(self.lines.len()).unwrap_or(0) + u32::from(self.more() > 0 && !self.dashed);
        HEAD + if self.note.is_empty() { 0 } else { NOTE } + lines * LINE + if lines > 0 { 10 } else { 6 }
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, x: u32, y: u32, width: u32, height: u32) {
        let inner = width.saturating_sub(2 * PAD);
        canvas.rect(x, y, width, height, 7, if self.dashed { Ink::CardDashed } else { Ink::Card });
        canvas.text_within(
            x + PAD,
            y + 21,
            Ink::Heading,
            fit(inner.saturating_sub(if self.dashed { 0 } else { 44 }), 80),
            &self.heading,
        );
        if !self.dashed {
            canvas.text_end(x + width - PAD, y + 21, Ink::Count, &thousands(self.count));
        }
        let mut at = y + HEAD;
        if !self.note.is_empty() {
            canvas.text_within(x + PAD, at + 8, Ink::Note, fit(inner, NOTE_WIDTH), &self.note);
            at += NOTE;
        }
        for line in &self.lines {
            let room = fit(inner.saturating_sub(14), NAME_WIDTH);
            canvas.mark(x + PAD + 4, at + 9, line.mark);
            canvas.text_within(x + PAD + 14, at + 13, Ink::Name, room, &line.text);
            let shown = line.text.chars().count().min(room);
            if line.coordinator {
                canvas.mark(
                    x + PAD + 24 + u32::try_from(shown).unwrap_or(0) * NAME_WIDTH / 10,
                    at + 9,
                    Ink::Coordinator,
                );
            }
            if line.text.chars().count() + line.note.chars().count() + 4 <= room {
                canvas.text_end(x + width - PAD, at + 13, Ink::Note, &line.note);
            }
            at += LINE;
        }
        if self.more() > 0 && !self.dashed {
            canvas.text(x + PAD + 14, at + 13, Ink::Note, &format!("and {} more", thousands(self.more())));
        }
    }
}

/// The groups and those in none, the administrators' first.
pub(super) fn people(cluster: &Cluster, most_groups: usize, most_names: usize) -> Vec<Card> {
    let mut by_group: BTreeMap<(u8, String), Vec<&str>> = BTreeMap::new();
    for (person, groups) in groups_of_people(cluster) {
        if groups.is_empty() {
            by_group.entry((2, "no group".to_owned())).or_default().push(person.as_str());
        }
        for group in groups {
            let rank = u8::from(group.as_str() != keystone_model::intent::ADMINS);
            by_group.entry((rank, group.to_string())).or_default().push(person.as_str());
        }
    }
    let hidden = by_group.len().saturating_sub(most_groups);
    // The last card then says how many groups are not shown.
    let shown = if hidden > 0 { most_groups - 1 } else { most_groups };
    let mut cards: Vec<Card> = by_group
        .into_iter()
        .take(shown)
        .map(|((_, heading), people)| {
            let line = |name: &&str| Line {
                text: (*name).to_owned(),
                note: String::new(),
                mark: Ink::Person,
                coordinator: false,
            };
            let lines = people.iter().take(most_names).map(line).collect();
            Card { heading, count: people.len(), note: String::new(), lines, dashed: false }
        })
        .collect();
    if hidden > 0 {
        let heading = format!("{} more groups", hidden + 1);
        cards.push(Card { heading, count: 0, note: String::new(), lines: Vec::new(), dashed: true });
    }
    cards
}

/// The pools, by name.
pub(super) fn pools(cluster: &Cluster, most: usize) -> Vec<Card> {
    let hidden = cluster.pools.len().saturating_sub(most);
    let mut cards: Vec<Card> = cluster
        .pools
        .iter()
        .take(if hidden > 0 { most - 1 } else { most })
        .map(|(name, pool)| {
            let place = match pool.provider {
                Provider::Aws => {
                    pool.region.as_ref().map_or_else(|| "aws".to_owned(), |r| format!("aws {r}"))
                }
                Provider::BareMetal => "bare metal".to_owned(),
            };
            Card {
                heading: format!("{name}  {}–{}", pool.min, pool.max),
                count: 0,
                note: place,
                lines: Vec::new(),
                dashed: true,
            }
        })
        .collect();
    if hidden > 0 {
        let heading = format!("{} more pools", hidden + 1);
        cards.push(Card { heading, count: 0, note: String::new(), lines: Vec::new(), dashed: true });
    }
    cards
}

/// How many characters of that width, in tenths of a pixel, have room.
fn fit(pixels: u32, tenths: u32) -> usize {
    usize::try_from(pixels * 10 / tenths).unwrap_or(0)
}
