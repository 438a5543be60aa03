//! JSON as a test looks at it: digits, depth and duplicates are kept, which a `Value` would lose.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The members of an object, as often and in the order as they are written, their values as they are written; `None` for what
/// is no object of RFC 8259.
pub(super) fn members(text: &[u8]) -> Option<Vec<(String, String)>> {
    let Members(members) = serde_json::from_slice(text).ok()?;
    Some(members.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect())
}

/// How deep arrays and objects nest; brackets in strings count, which no mutation writes.
pub(super) fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The elements of an array as they are written; none of any other value.
pub(super) fn elements(text: &str) -> Vec<&str> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
    elements.into_iter().map(RawValue::get).collect()
}

/// Every number in the text.
pub(super) fn numbers(text: &str) -> Vec<String> {
    if text.starts_with('[') {
        return elements(text).into_iter().flat_map(numbers).collect();
    }
    if let Some(members) = members(text.as_bytes()) {
        return members.iter().flat_map(|(_, value)| numbers(value)).collect();
    }
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if is_number { vec![text.to_owned()] } else { Vec::new() }
}

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
