//! Turns one inventory into everything a cluster's nodes need.

fn main() {}
