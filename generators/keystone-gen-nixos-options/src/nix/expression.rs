//! Nix expressions, laid out as nixfmt does it.

use super::text::{block, fill, quoted};

/// Longest line that nixfmt leaves alone.
const WIDTH: usize = 100;

/// A Nix expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A name, a number or a string: nothing that could be broken into lines.
    Atom(String),
    /// A function and its arguments.
    Call(&'static str, Vec<Expr>),
    /// `[ … ]`
    List(Vec<Expr>),
    /// `{ … }`
    Set(Vec<Binding>),
    /// Text for people (Markdown).
    Prose(String),
}

/// `name = value;`
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    /// The name or path as it is written, quotes included.
    pub name: String,
    /// The value.
    pub value: Expr,
}

impl Binding {
    /// `name = value;`
    #[must_use]
    pub fn new(name: impl Into<String>, value: Expr) -> Self {
        Self { name: name.into(), value }
    }

    /// The binding in a set whose bindings start at `column`.
    fn lay_out(&self, column: usize) -> String {
        let Self { name, value } = self;
        let start = column + name.len() + 3;
        let fits = |text: &str, at: usize| !text.contains('\n') && at + text.chars().count() < WIDTH;
        let text = value.lay_out(column, start);
        if fits(&text, start) || value.opens_on_line() {
            return format!("{name} = {text};");
        }
        let deeper = column + 2;
        format!("{name} =\n{}{};", " ".repeat(deeper), value.lay_out(deeper, deeper))
    }
}

impl Expr {
    /// The expression whose first line starts at column `start`, and whose others are indented from `column`.
    #[must_use]
    pub fn lay_out(&self, column: usize, start: usize) -> String {
        if let Some(flat) = self.flat()
            && (start + flat.chars().count() < WIDTH || matches!(self, Self::Atom(_)))
        {
            return flat;
        }
        let pad = " ".repeat(column);
        let inner = " ".repeat(column + 2);
        let inner = inner.as_str();
        match self {
            Self::Atom(text) => text.clone(),
            Self::Prose(text) => {
                let lines = fill(text, WIDTH - 2 - column.min(WIDTH / 2));
                match lines.as_slice() {
                    [line] if start + quoted(line).chars().count() < WIDTH && !line.contains(['"', '\\']) => {
                        quoted(line)
                    }
                    lines => block(lines, column),
                }
            }
            Self::List(items) => {
                let mut out = String::from("[\n");
                for item in items {
                    let text = item.lay_out_argument(column + 2, column + 2);
                    out.extend([inner, text.as_str(), "\n"]);
                }
                format!("{out}{pad}]")
            }
            Self::Set(bindings) => {
                let mut out = String::from("{\n");
                let mut before_was_long = false;
                for (n, binding) in bindings.iter().enumerate() {
                    let text = binding.lay_out(column + 2);
                    let long = text.contains('\n');
                    // Air around whole declarations, none between their attributes.
                    if n > 0 && long && before_was_long && binding.is_declaration() {
                        out.push('\n');
                    }
                    out.extend([inner, text.as_str(), "\n"]);
                    before_was_long = long;
                }
                format!("{out}{pad}}}")
            }
            Self::Call(function, arguments) => Self::lay_out_call(function, arguments, column, start),
        }
    }

    fn lay_out_call(function: &str, arguments: &[Self], column: usize, start: usize) -> String {
        let mut out = function.to_owned();
        let own_lines = matches!(arguments.last(), Some(Self::Atom(_)));
        for argument in arguments {
            if own_lines {
                let deeper = column + 2;
                out.extend(["\n", &" ".repeat(deeper), &argument.lay_out_argument(deeper, deeper)]);
            } else {
                let start = start + out.chars().count() + 1;
                out.extend([" ", &argument.lay_out_argument(column, start)]);
            }
        }
        out
    }

    /// As an argument or element, so in parentheses where it is a call.
    fn lay_out_argument(&self, column: usize, start: usize) -> String {
        match self {
            Self::Call(..) => match self.flat() {
                Some(flat) if start + flat.chars().count() + 2 < WIDTH => format!("({flat})"),
                _ => {
                    let deeper = column + 2;
                    let pad = " ".repeat(column);
                    format!("(\n{}{}\n{pad})", " ".repeat(deeper), self.lay_out(deeper, deeper))
                }
            },
            Self::Atom(text) if text.starts_with('-') => format!("({text})"),
            other => other.lay_out(column, start),
        }
    }

    /// On one line, where nixfmt would leave it there: sets and lists of several elements are always spread.
    fn flat(&self) -> Option<String> {
        match self {
            Self::Atom(text) => Some(text.clone()),
            Self::Prose(_) => None,
            Self::List(items) => match items.as_slice() {
                [] => Some("[ ]".to_owned()),
                [item] => Some(format!("[ {} ]", item.flat_argument()?)),
                _ => None,
            },
            Self::Set(bindings) => bindings.is_empty().then(|| "{ }".to_owned()),
            Self::Call(function, arguments) => {
                let mut out = (*function).to_owned();
                for argument in arguments {
                    out.push(' ');
                    out.push_str(&argument.flat_argument()?);
                }
                Some(out)
            }
        }
    }

    fn flat_argument(&self) -> Option<String> {
        let flat = self.flat()?;
        let bare = match self {
            Self::Call(..) => false,
            Self::Atom(text) => !text.starts_with('-'),
            Self::List(_) | Self::Set(_) | Self::Prose(_) => true,
        };
        Some(if bare { flat } else { format!("({flat})") })
    }

    /// Whether it can start behind `=` and go on below: its last part has brackets of its own.
    fn opens_on_line(&self) -> bool {
        match self {
            Self::Atom(_) | Self::Prose(_) | Self::List(_) | Self::Set(_) => true,
            Self::Call(_, arguments) => arguments.last().is_some_and(|last| !matches!(last, Self::Atom(_))),
        }
    }
}

impl Binding {
    fn is_declaration(&self) -> bool {
        matches!(&self.value, Expr::Call("lib.mkOption", _))
    }
}
