//! Nix as text: writing it, and reading it again.

mod expression;
mod read;
mod text;
mod value;

pub use expression::{Binding, Expr};
pub use read::{Declared, Module, ReadError, read};
pub use text::{block, fill, name, quoted};
pub use value::{ValueError, value};
