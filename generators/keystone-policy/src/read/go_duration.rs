//! Lengths of time as Go reads them: `12h`, `1h30m`, `-1.5s`, `0`.

/// Nanoseconds, or nothing where Go's `time.ParseDuration` fails.
pub fn parse(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let whole_length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, after) = rest.split_at(whole_length);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at(after.bytes().take_while(u8::is_ascii_digit).count()),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let unit_length = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_length);
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()?.into() };
        total = total.checked_add(whole.checked_mul(scale)?)?;
        // Digits beyond the nanosecond of the longest unit change nothing.
        let digits = &fraction[..fraction.len().min(15)];
        if !digits.is_empty() {
            let power = 10_i128.pow(u32::try_from(digits.len()).ok()?);
            total = total.checked_add(digits.parse::<i128>().ok()?.checked_mul(scale)? / power)?;
        }
        rest = after;
    }
    let limit = i128::from(i64::MAX) + i128::from(negative);
    if total > limit {
        return None;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_what_go_reads() {
        for (text, expected) in [
            ("12h", Some(43_200_000_000_000)),
            ("1h30m", Some(5_400_000_000_000)),
            ("-1.5s", Some(-1_500_000_000)),
            (".5s", Some(500_000_000)),
            ("0", Some(0)),
            ("+0", Some(0)),
            ("1d", None),
            ("12", None),
            ("", None),
            ("h", None),
            ("1h ", None),
            ("9223372036854775808ns", None),
        ] {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }
}
