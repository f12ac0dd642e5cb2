//! The command line, as transcripts in `tests/cmd`. `TRYCMD=overwrite` writes them anew.
#![allow(missing_docs, reason = "a test has no readers of documentation")]

#[test]
fn transcripts_hold() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd").env("NO_COLOR", "1");
}
