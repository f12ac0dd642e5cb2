//! Reads, judges and evaluates Headscale policies.
