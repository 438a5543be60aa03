//! Strict JSON: what RFC 8259 leaves to the reader is decided here, once, for tokens, key sets and configurations.
//!
//! Duplicate members are refused at every depth (RFC 7515 §4 allows either refusing or taking the last; two readers that
//! differ are an attack), depth is limited, and numbers keep the digits they were written with.

mod ascii;
mod object;
mod parse;
mod text;

use std::{borrow::Cow, fmt};

pub use object::Object;
pub use text::quoted;

use crate::excerpt::Excerpt;
use parse::Parser;

/// How deep objects and arrays may nest. Real tokens stay under 8.
pub const MAX_DEPTH: usize = 32;

/// A parsed JSON value. It may be a token's or a secret: `Debug` shows its kind alone.
#[derive(Clone, PartialEq, Eq)]
pub enum Json<'t> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as the text it was written with.
    Number(Cow<'t, str>),
    /// A string, unescaped.
    String(Cow<'t, str>),
    /// An array.
    Array(Vec<Self>),
    /// An object without duplicate members.
    Object(Object<'t>),
}

/// Why bytes are not acceptable JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The text is not JSON; counted from 1.
    Syntax {
        /// The line of the first fault.
        line: usize,
        /// The column of the first fault.
        column: usize,
    },
    /// An object has a member twice.
    DuplicateMember {
        /// Where, such as `a.b[0].c`.
        path: String,
    },
    /// Objects and arrays nest deeper than [`MAX_DEPTH`].
    TooDeep,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => write!(f, "not UTF-8"),
            Self::Syntax { line, column } => write!(f, "not JSON at line {line} column {column}"),
            Self::DuplicateMember { path } => write!(f, "not strict JSON: member `{path}` is there twice"),
            Self::TooDeep => write!(f, "nested too deep"),
        }
    }
}

impl std::error::Error for JsonError {}

impl JsonError {
    /// The same error, seen from the object or array around it, where `step` leads to it.
    fn within(self, step: impl FnOnce() -> String) -> Self {
        match self {
            Self::DuplicateMember { path } if path.starts_with('[') => {
                Self::DuplicateMember { path: format!("{}{path}", step()) }
            }
            Self::DuplicateMember { path } => Self::DuplicateMember { path: format!("{}.{path}", step()) },
            Self::NotUtf8 | Self::Syntax { .. } | Self::TooDeep => self,
        }
    }
}

impl<'t> Json<'t> {
    /// Parses one JSON value that fills `bytes`, in one pass; texts without escapes are borrowed.
    pub fn parse(bytes: &'t [u8]) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
        Parser::new(text).parse(MAX_DEPTH)
    }

    /// The text of a string value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The members of an object value.
    pub fn into_object(self) -> Option<Object<'t>> {
        match self {
            Self::Object(members) => Some(members),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Array(_) => None,
        }
    }

    /// What kind of value this is, for a message: `a string`, `an object`, ….
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// How a path names a member: by itself, or quoted when it is not a plain word.
pub(crate) fn step(name: &str) -> String {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_plain && !name.is_empty() { Excerpt(name).to_string() } else { format!("[\"{}\"]", Excerpt(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Json<'_> {
        Json::Number(text.into())
    }

    #[test]
    fn values_keep_their_kind_and_numbers_their_digits() {
        let json =
            Json::parse(br#" {"a":[1,2.50,9007199254740993,1e400],"b":{"c":null,"d":true,"e":"\u00e9\n"}} "#)
                .unwrap();
        let object = |members: Vec<(&'static str, Json<'static>)>| {
            let members = members.into_iter().map(|(name, value)| (name.into(), value));
            Json::Object(Object::new(members.collect()).unwrap())
        };
        let numbers = vec![number("1"), number("2.50"), number("9007199254740993"), number("1e400")];
        let b = object(vec![("c", Json::Null), ("d", Json::Bool(true)), ("e", Json::String("é\n".into()))]);
        assert_eq!(json, object(vec![("a", Json::Array(numbers)), ("b", b)]));
    }

    fn twice(path: &str) -> JsonError {
        JsonError::DuplicateMember { path: path.into() }
    }

    #[test]
    fn refuses_what_two_readers_could_read_differently() {
        let cases: &[(&[u8], JsonError)] = &[
            (b"\xff", JsonError::NotUtf8),
            (b"\"\xc3\"", JsonError::NotUtf8),
            (b"", JsonError::Syntax { line: 1, column: 0 }),
            (b"{} {}", JsonError::Syntax { line: 1, column: 4 }),
            (b"{\"a\":1,}", JsonError::Syntax { line: 1, column: 8 }),
            (b"{\"a\":01}", JsonError::Syntax { line: 1, column: 7 }),
            (b"{'a':1}", JsonError::Syntax { line: 1, column: 2 }),
            (b"[NaN]", JsonError::Syntax { line: 1, column: 2 }),
            (b"\xef\xbb\xbf{}", JsonError::Syntax { line: 1, column: 1 }),
            (br#"{"a":1,"a":1}"#, twice("a")),
            (br#"{"a":1,"\u0061":2}"#, twice("a")),
            (br#"[{"x":{"b":1,"b":2}}]"#, twice("[0].x.b")),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Json::parse(bytes).as_ref(), Err(expected), "{}", String::from_utf8_lossy(bytes));
        }
        assert!(matches!(Json::parse(br#"{"a":"\ud800"}"#), Err(JsonError::Syntax { .. })), "lone surrogate");
    }

    #[test]
    fn depth_is_limited_without_using_the_stack() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(Json::parse(nested(MAX_DEPTH + 1).as_bytes()), Err(JsonError::TooDeep));
        assert_eq!(Json::parse(nested(100_000).as_bytes()), Err(JsonError::TooDeep));
    }
}
