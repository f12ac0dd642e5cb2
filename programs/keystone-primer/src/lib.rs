//! A primer: one of the machines that hold the root of trust together.

#![forbid(unsafe_code)]

mod config;
mod frame;
mod join;
mod node_key;
mod refusal;
mod state;
mod store;
mod tls;
mod token;
mod transcript;
