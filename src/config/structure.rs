//! `google.protobuf.Struct`: the other form in which a proxy passes a configuration.
//!
//! Envoy hands a `StringValue` on as its text, and a `Struct` as the bytes of the message. This reads them into the same tree
//! that JSON text gives.

use std::borrow::Cow;

use crate::json::{Json, MAX_DEPTH, Object};

/// Reads the bytes of a `Struct`; `None` when they are none, nest too deep, or have a member twice.
pub(super) fn parse(message: &[u8]) -> Option<Json<'_>> {
    parse_struct(message, MAX_DEPTH)
}

/// `message Struct { map<string, Value> fields = 1; }`
fn parse_struct(message: &[u8], depth: usize) -> Option<Json<'_>> {
    let depth = depth.checked_sub(1)?;
    let mut members = Vec::new();
    for entry in fields(message)? {
        let Field { number: 1, content: Content::Bytes(entry) } = entry else { return None };
        // A map's entry: 1 key, 2 value; either may be left out when it is its type's default.
        let (mut name, mut value) = ("", Json::Null);
        for field in fields(entry)? {
            match field {
                Field { number: 1, content: Content::Bytes(bytes) } => {
                    name = std::str::from_utf8(bytes).ok()?;
                }
                Field { number: 2, content: Content::Bytes(bytes) } => value = parse_value(bytes, depth)?,
                Field { .. } => return None,
            }
        }
        members.push((Cow::Borrowed(name), value));
    }
    Object::new(members).ok().map(Json::Object)
}

/// `message Value { oneof kind { … } }`
fn parse_value(message: &[u8], depth: usize) -> Option<Json<'_>> {
    Some(match fields(message)?.as_slice() {
        [Field { number: 1, content: Content::Varint(0) }] => Json::Null,
        [Field { number: 2, content: Content::Fixed64(bits) }] => {
            Json::Number(digits(f64::from_bits(*bits))?.into())
        }
        [Field { number: 3, content: Content::Bytes(text) }] => {
            Json::String(Cow::Borrowed(std::str::from_utf8(text).ok()?))
        }
        [Field { number: 4, content: Content::Varint(flag) }] => Json::Bool(*flag != 0),
        [Field { number: 5, content: Content::Bytes(message) }] => parse_struct(message, depth)?,
        [Field { number: 6, content: Content::Bytes(message) }] => {
            let depth = depth.checked_sub(1)?;
            let elements = fields(message)?.into_iter().map(|element| match element {
                Field { number: 1, content: Content::Bytes(value) } => parse_value(value, depth),
                Field { .. } => None,
            });
            Json::Array(elements.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// The number as JSON writes it: a whole one without a fraction, since a `Struct` has no integers of its own. No member takes
/// a fraction, so six of its digits are enough to say what was there; the standard library's way to all of them is 15 KB of code.
fn digits(number: f64) -> Option<String> {
    const MILLION: f64 = 1e6;
    if !number.is_finite() {
        return None;
    }
    let (sign, number) = if number < 0.0 { ("-", -number) } else { ("", number) };
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative; what is too large for an integer is too large for every member, and stays so"
    )]
    let (whole, millionths) = (number as u64, (number.fract() * MILLION) as u64);
    Some(if number.fract() == 0.0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{:06}", millionths.max(1)).trim_end_matches('0').to_owned()
    })
}

struct Field<'m> {
    number: u64,
    content: Content<'m>,
}

enum Content<'m> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'m [u8]),
}

/// The fields of a message, of the three wire types that occur in a `Struct`.
fn fields(mut message: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let (tag, rest) = take_varint(message)?;
        let (content, rest) = match tag & 7 {
            0 => take_varint(rest).map(|(value, rest)| (Content::Varint(value), rest))?,
            1 => rest
                .split_first_chunk()
                .map(|(bits, rest)| (Content::Fixed64(u64::from_le_bytes(*bits)), rest))?,
            2 => {
                let (length, rest) = take_varint(rest)?;
                let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                (Content::Bytes(bytes), rest)
            }
            _ => return None,
        };
        message = rest;
        fields.push(Field { number: tag >> 3, content });
    }
    Some(fields)
}

/// Seven bits a byte, the lowest first; at most ten bytes.
fn take_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in (0_u32..10).zip(bytes) {
        let bits = u64::from(byte & 0x7f);
        value |= bits.checked_shl(index.checked_mul(7)?)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(usize::try_from(index).ok()?.checked_add(1)?..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2];
        let mut length = bytes.len();
        while length >= 0x80 {
            field.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        field.push(u8::try_from(length).unwrap());
        field.extend(bytes);
        field
    }

    /// The message of a JSON value, as a control plane would write it.
    fn value(json: &serde_json::Value) -> Vec<u8> {
        match json {
            serde_json::Value::Null => vec![1 << 3, 0],
            serde_json::Value::Bool(flag) => vec![4 << 3, u8::from(*flag)],
            serde_json::Value::Number(number) => {
                [&[2 << 3 | 1], number.as_f64().unwrap().to_le_bytes().as_slice()].concat()
            }
            serde_json::Value::String(text) => field(3, text.as_bytes()),
            serde_json::Value::Array(elements) => {
                field(6, &elements.iter().flat_map(|element| field(1, &value(element))).collect::<Vec<_>>())
            }
            serde_json::Value::Object(_) => field(5, &structure(json)),
        }
    }

    fn structure(json: &serde_json::Value) -> Vec<u8> {
        let entries = json.as_object().unwrap().iter();
        entries
            .flat_map(|(name, member)| {
                field(1, &[field(1, name.as_bytes()), field(2, &value(member))].concat())
            })
            .collect()
    }

    #[test]
    fn a_struct_reads_as_its_json_text_does() {
        let text = format!(
            r#"{{"a":[1,-2,0.5,401],"b":{{"c":true,"d":false,"e":null,"":"x"}},"f":"{}","g":[],"h":{{}},"i":1700000000}}"#,
            "long".repeat(100)
        );
        let json = serde_json::from_str(&text).unwrap();
        assert_eq!(parse(&structure(&json)), Some(Json::parse(text.as_bytes()).unwrap()));
    }

    #[test]
    fn what_is_no_struct_is_refused() {
        let entry = |name: &str| field(1, &[field(1, name.as_bytes()), field(2, &[1 << 3, 0])].concat());
        assert!(parse(&entry("a")).is_some());
        assert_eq!(parse(&[entry("a"), entry("a")].concat()), None, "a member twice");
        let good = structure(&serde_json::json!({ "a": [1, "b"] }));
        for length in 1..good.len() {
            assert_eq!(parse(good.get(..length).unwrap()), None, "{length}");
        }
        assert_eq!(parse(b"\n  {"), None, "broken JSON that begins with a new line");
        assert_eq!(parse(&[0xff; 20]), None, "an endless number");
        let infinite = field(
            1,
            &[field(1, b"a"), field(2, &[&[17], f64::INFINITY.to_le_bytes().as_slice()].concat())].concat(),
        );
        assert_eq!(parse(&infinite), None);
    }

    #[test]
    fn depth_is_limited() {
        let mut json = serde_json::json!(1);
        for _ in 0..MAX_DEPTH {
            json = serde_json::json!({ "a": json });
        }
        assert!(parse(&structure(&json)).is_some());
        assert_eq!(parse(&structure(&serde_json::json!({ "a": json }))), None);
    }
}
