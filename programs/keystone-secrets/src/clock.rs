//! The time, as the lock writes it.

use time::OffsetDateTime;

/// Now, as `2026-11-24T19:20:00Z`.
#[must_use]
pub fn now() -> String {
    shown(OffsetDateTime::now_utc())
}

fn shown(time: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn is_rfc_3339() {
        let at = time::OffsetDateTime::from_unix_timestamp(951_782_399).unwrap();
        assert_eq!(super::shown(at), "2000-02-28T23:59:59Z");
    }
}
