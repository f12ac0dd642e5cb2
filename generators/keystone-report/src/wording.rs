//! Numbers and names as people read them.

/// At most so many characters; the last one shows that some are missing.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// At most so many characters, the ends kept: names of machines of one kind differ in their last ones.
pub(crate) fn cut_inside(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let tail = most.saturating_sub(1) / 2;
    let mut cut = self::cut(text, most - tail);
    cut.extend(text.chars().skip(length - tail));
    cut
}

/// `worker-10` after `worker-9`.
pub(crate) fn natural(name: &str) -> (String, u64, String) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[stem.len()..].parse().unwrap_or(0);
    (stem.to_owned(), number, name.to_owned())
}

/// `12,345`.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1.2 kB`; thousands, as file managers count.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    UNITS.iter().find(|(size, _)| number >= *size).map_or_else(
        || format!("{number} B"),
        |(size, unit)| {
            let tenths = number / (size / 10);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        },
    )
}

/// A part of a sentence.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Span {
    /// Whether it stood between backticks, as values do in messages.
    pub code: bool,
    pub text: String,
}

/// A sentence in which values stand between backticks. A backtick without another one is only a character.
pub(crate) fn spans(sentence: &str) -> Vec<Span> {
    if !sentence.matches('`').count().is_multiple_of(2) {
        return vec![Span { code: false, text: sentence.to_owned() }];
    }
    let parts = sentence.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    parts.map(|(n, part)| Span { code: !n.is_multiple_of(2), text: part.to_owned() }).collect()
}

/// `1 node`, `2 nodes`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::{bytes, cut, cut_inside, natural, spans, thousands};

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn sizes_keep_one_digit() {
        assert_eq!(
            [0, 999, 1_000, 1_250, 12_345_678].map(bytes),
            ["0 B", "999 B", "1.0 kB", "1.2 kB", "12.3 MB"]
        );
    }

    #[test]
    fn long_texts_are_cut_by_characters() {
        assert_eq!(cut("größer", 6), "größer");
        assert_eq!(cut("größer", 4), "grö…");
        assert_eq!(cut_inside("größer", 6), "größer");
        assert_eq!(cut_inside("worker-rack-0-machine-12", 10), "worke…e-12");
        assert_eq!(cut_inside("abc", 1), "…");
        assert_eq!(cut_inside("abc", 0), "…");
    }

    #[test]
    fn ten_comes_after_nine() {
        let mut names = ["worker-10", "worker-9", "backup-1"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["backup-1", "worker-9", "worker-10"]);
    }

    #[test]
    fn values_stand_between_backticks() {
        let read = |sentence: &str| -> Vec<(bool, String)> {
            spans(sentence).into_iter().map(|span| (span.code, span.text)).collect()
        };
        assert_eq!(
            read("take `1.36` or `1.35`"),
            [(false, "take "), (true, "1.36"), (false, " or "), (true, "1.35")]
                .map(|(c, t)| (c, t.to_owned()))
        );
        assert_eq!(read("a ` alone"), [(false, "a ` alone".to_owned())]);
    }
}
