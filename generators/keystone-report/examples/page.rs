//! Prints the page of an inventory and its matrix: `page INVENTORY REACHABILITY_JSON >report.html`.

use std::error::Error;
use std::fs;

use keystone_model::{Format, Inventory};
use keystone_report::{Input, report};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(inventory), Some(matrix)) = (arguments.next(), arguments.next()) else {
        return Err("give an inventory (TOML) and its reachability.json".into());
    };
    let inventory = Inventory::read(&fs::read(inventory)?, Format::Toml)?;
    let matrix = fs::read_to_string(matrix)?;
    let page = report(&Input {
        cluster: &inventory.cluster,
        reachability: &matrix,
        warnings: &inventory.warnings,
        files: &[],
        facts: &[],
    })?;
    print!("{page}");
    Ok(())
}
