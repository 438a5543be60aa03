//! Strict JSON: what RFC 8259 leaves to the reader is decided here, once, for tokens, key sets and configurations.
//!
//! Duplicate members are refused at every depth (RFC 7515 §4 allows either refusing or taking the last; two readers that
//! differ are an attack), depth is limited, and numbers keep the digits they were written with.

mod ascii;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::excerpt::Excerpt;

/// How deep objects and arrays may nest. Real tokens stay under 8.
pub const MAX_DEPTH: usize = 32;

/// How often a byte may be read on average. Each object and array is read by itself, so a text that is nested is read once for
/// each level that it lies in; key sets with certificates come to five.
pub const MAX_READINGS: usize = 8;

/// What may be read of any text: short ones may nest to the full depth.
const SHORT: usize = 65_536;

/// A parsed JSON value. It may be a token's or a secret: `Debug` shows its kind alone.
#[derive(Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as the text it was written with.
    Number(Box<str>),
    /// A string, unescaped.
    String(String),
    /// An array.
    Array(Vec<Self>),
    /// An object without duplicate members.
    Object(Object),
}

/// The members of a JSON object.
pub type Object = BTreeMap<String, Json>;

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
    /// Objects and arrays nest deeper than [`MAX_DEPTH`], or so much of the text so deep that it would be read more often
    /// than [`MAX_READINGS`].
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
    fn within(self, step: &str) -> Self {
        match self {
            Self::DuplicateMember { path } if path.starts_with('[') => {
                Self::DuplicateMember { path: format!("{step}{path}") }
            }
            Self::DuplicateMember { path } => Self::DuplicateMember { path: format!("{step}.{path}") },
            Self::NotUtf8 | Self::Syntax { .. } | Self::TooDeep => self,
        }
    }
}

impl Json {
    /// Parses one JSON value that fills `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
        // The raw scan checks the syntax of the whole text without recursion, whatever its depth.
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| syntax(&error))?;
        let mut budget = text.len().saturating_mul(MAX_READINGS).saturating_add(SHORT);
        expand(raw, MAX_DEPTH, &mut budget)
    }

    /// The text of a string value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The members of an object value.
    pub fn into_object(self) -> Option<Object> {
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

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

fn syntax(error: &serde_json::Error) -> JsonError {
    JsonError::Syntax { line: error.line(), column: error.column() }
}

fn expand(raw: &RawValue, depth: usize, budget: &mut usize) -> Result<Json, JsonError> {
    let text = raw.get();
    let mut inner = || {
        *budget = budget.checked_sub(text.len()).ok_or(JsonError::TooDeep)?;
        depth.checked_sub(1).ok_or(JsonError::TooDeep)
    };
    Ok(match text.as_bytes().first() {
        Some(b'{') => {
            let depth = inner()?;
            let Members(members) = serde_json::from_str(text).map_err(|error| syntax(&error))?;
            let mut object = Object::new();
            for (name, value) in members {
                match object.entry(name) {
                    Entry::Vacant(member) => {
                        let value = expand(value, depth, budget)
                            .map_err(|error| error.within(&step(member.key())))?;
                        member.insert(value)
                    }
                    Entry::Occupied(member) => {
                        return Err(JsonError::DuplicateMember { path: step(member.key()) });
                    }
                };
            }
            Json::Object(object)
        }
        Some(b'[') => {
            let depth = inner()?;
            let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| syntax(&error))?;
            let elements = elements.into_iter().enumerate().map(|(index, element)| {
                expand(element, depth, budget).map_err(|error| error.within(&format!("[{index}]")))
            });
            Json::Array(elements.collect::<Result<_, _>>()?)
        }
        Some(b'"') => Json::String(serde_json::from_str(text).map_err(|error| syntax(&error))?),
        Some(b't') => Json::Bool(true),
        Some(b'f') => Json::Bool(false),
        Some(b'n') => Json::Null,
        _ => Json::Number(text.into()),
    })
}

/// How a path names a member: by itself, or quoted when it is not a plain word.
pub(crate) fn step(name: &str) -> String {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_plain && !name.is_empty() { Excerpt(name).to_string() } else { format!("[\"{}\"]", Excerpt(name)) }
}

/// The members of an object in the order they are written, duplicates included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Json {
        Json::Number(text.into())
    }

    #[test]
    fn values_keep_their_kind_and_numbers_their_digits() {
        let json =
            Json::parse(br#" {"a":[1,2.50,9007199254740993,1e400],"b":{"c":null,"d":true,"e":"\u00e9\n"}} "#)
                .unwrap();
        let mut b = Object::new();
        b.insert("c".into(), Json::Null);
        b.insert("d".into(), Json::Bool(true));
        b.insert("e".into(), Json::String("é\n".into()));
        let mut whole = Object::new();
        whole.insert(
            "a".into(),
            Json::Array(vec![number("1"), number("2.50"), number("9007199254740993"), number("1e400")]),
        );
        whole.insert("b".into(), Json::Object(b));
        assert_eq!(json, Json::Object(whole));
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
    fn how_often_a_text_is_read_is_limited() {
        let buried = |levels: usize| {
            format!("{}[{}1]{}", r#"{"a":"#.repeat(levels), "1,".repeat(20_000), "}".repeat(levels))
        };
        // The array by itself and as a part of each object around it: nine readings are within eight of the whole and what
        // any text may have, ten are not.
        assert!(Json::parse(buried(8).as_bytes()).is_ok());
        assert_eq!(Json::parse(buried(9).as_bytes()), Err(JsonError::TooDeep));
        // A key set as providers publish them: most of it certificates, in an array in an object in an array in an object.
        let certificate = "A".repeat(2000);
        let key = format!(r#"{{"kty":"RSA","x5c":["{certificate}"]}}"#);
        let set = format!(r#"{{"keys":[{}]}}"#, vec![key; 20].join(","));
        assert!(Json::parse(set.as_bytes()).is_ok());
    }

    #[test]
    fn depth_is_limited_without_using_the_stack() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(Json::parse(nested(MAX_DEPTH + 1).as_bytes()), Err(JsonError::TooDeep));
        assert_eq!(Json::parse(nested(100_000).as_bytes()), Err(JsonError::TooDeep));
    }
}
