//! Reads and judges an inventory a few times, and prints how long the fastest reading took.
//!
//! `cargo run --release -p keystone-model --example read-inventory -- cluster.toml`
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a tool for benchmarks stops at the first surprise"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use keystone_model::{Format, Inventory};

fn main() {
    for file in std::env::args().skip(1) {
        let bytes = std::fs::read(&file).expect("the file can be read");
        let is_json = Path::new(&file).extension().is_some_and(|ending| ending == "json");
        let format = if is_json { Format::Json } else { Format::Toml };
        let mut fastest = Duration::MAX;
        let mut found = 0;
        for _ in 0..5 {
            let start = Instant::now();
            let read = Inventory::read(&bytes, format);
            fastest = fastest.min(start.elapsed());
            found = read.map_or_else(|error| error.errors.len(), |inventory| inventory.warnings.len());
        }
        println!(
            "{file}: {} KB, {:.1} ms, {found} findings",
            bytes.len() / 1000,
            fastest.as_secs_f64() * 1000.0
        );
    }
}
