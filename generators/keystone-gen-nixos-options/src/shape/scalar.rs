//! Numbers and text.

use serde_json::Value;

use super::Shape;
use super::read::{Node, ShapeError};

/// Bounds of the integers that schemars names in `format`. Nix has 64 bits with sign, so of `uint64` only the lower
/// bound is left.
fn width(format: &str) -> (Option<i64>, Option<i64>) {
    match format {
        "int8" => (Some(i8::MIN.into()), Some(i8::MAX.into())),
        "int16" => (Some(i16::MIN.into()), Some(i16::MAX.into())),
        "int32" => (Some(i32::MIN.into()), Some(i32::MAX.into())),
        "uint8" => (Some(0), Some(u8::MAX.into())),
        "uint16" => (Some(0), Some(u16::MAX.into())),
        "uint32" => (Some(0), Some(u32::MAX.into())),
        "uint" | "uint64" => (Some(0), None),
        _ => (None, None),
    }
}

pub(super) fn integer(node: &Node) -> Result<Shape, ShapeError> {
    node.allow(&["type", "minimum", "maximum"])?;
    let bound = |key: &str| match node.json.get(key) {
        None => Ok(None),
        Some(number) => match number.as_i64() {
            Some(number) => Ok(Some(number)),
            None => Err(node.refuse(format!("its `{key}` does not fit into an integer of Nix"))),
        },
    };
    let (lowest, highest) = width(&node.text("format"));
    // The narrower of keyword and format holds.
    let least = bound("minimum")?.max(lowest);
    let most = match (bound("maximum")?, highest) {
        (Some(written), Some(format)) => Some(written.min(format)),
        (written, format) => written.or(format),
    };
    match (least, most) {
        (Some(least), Some(most)) if least > most => Err(node.refuse("its `minimum` is above its `maximum`")),
        (None | Some(0 | 1), None) | (Some(_), Some(_)) => Ok(Shape::Integer { least, most }),
        _ => Err(node.refuse("no option type has only one bound other than 0 or 1 from below")),
    }
}

pub(super) fn number(node: &Node) -> Result<Shape, ShapeError> {
    node.allow(&["type", "minimum", "maximum"])?;
    let bound = |key: &str| node.json.get(key).and_then(Value::as_f64);
    let (least, most) = (bound("minimum"), bound("maximum"));
    let fits = match (least, most) {
        (None, None) => true,
        (Some(least), None) => least.abs() < f64::MIN_POSITIVE,
        (Some(least), Some(most)) => least <= most,
        (None, Some(_)) => false,
    };
    if fits {
        Ok(Shape::Number { least, most })
    } else {
        Err(node.refuse("option types have numbers without bounds, from 0, or with both bounds"))
    }
}

pub(super) fn text(node: &Node) -> Result<Shape, ShapeError> {
    node.allow(&["type", "pattern", "minLength"])?;
    let pattern = node.json.get("pattern").and_then(Value::as_str).map(str::to_owned);
    let filled = match (node.json.get("minLength").and_then(Value::as_u64), &pattern) {
        (None | Some(0), _) => false,
        (Some(1), None) => true,
        (Some(1), Some(_)) => return Err(node.refuse("`minLength` and `pattern` do not go together")),
        (Some(n), _) => {
            return Err(node.refuse(format!("Nix counts bytes, so no option type means `minLength` {n}")));
        }
    };
    Ok(Shape::Text { form: None, pattern, filled })
}
