use serde_json::Value;

use super::*;
use crate::json::MAX_DEPTH;

/// The value as `serde_json`'s, numbers by their digits.
fn mirrored(json: &Json<'_>) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(digits) => serde_json::from_str(digits).expect("a number"),
        Json::String(text) => Value::String(text.clone().into_owned()),
        Json::Array(elements) => elements.iter().map(mirrored).collect(),
        Json::Object(members) => {
            members.iter().map(|(name, value)| (name.to_owned(), mirrored(value))).collect()
        }
    }
}

/// Has both parsers read a text, and fails when they differ.
fn compare(text: &str) {
    let own = Json::parse(text.as_bytes());
    let known = serde_json::from_str::<Value>(text);
    match (own, known) {
        (Ok(own), Ok(known)) => assert_eq!(mirrored(&own), known, "{text}"),
        // Good JSON may be refused for other reasons than syntax.
        (Err(JsonError::Syntax { .. }), Err(_))
        | (Err(JsonError::DuplicateMember { .. } | JsonError::TooDeep), _) => {}
        // A number beyond what an f64 holds is one all the same.
        (Ok(_), Err(error)) if error.to_string().contains("number out of range") => {}
        (own, known) => panic!("{text:?}: {own:?} and {known:?}"),
    }
}

const TEXTS: [&str; 14] = [
    r#"{"alg":"RS256","kid":"1-é","typ":"at+jwt","nonce":null}"#,
    r#"{"aud":["a","b"],"exp":1763812345,"nbf":1.5e3,"roles":[],"o":{"p":{"q":[{},[]]}}}"#,
    r#"["\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00", "plain text that is longer than a word"]"#,
    " \t\r\n{ \"a\" : [ 1 , -0 , 0.0 , 1E+2 , 2e-3 , true , false , null ] } \n",
    r#"["\ud800"]"#,
    r#"["\ud800\ud800"]"#,
    r#"["\udc00"]"#,
    r#"["\ud800\n"]"#,
    r#"["\x", "\u12g4"]"#,
    "[\"control \u{1}\"]",
    r#"{"a":1,"b":2,}"#,
    "[1,]",
    "[1 2]",
    "-",
];

#[test]
fn every_text_is_read_as_by_serde_json() {
    for text in TEXTS {
        compare(text);
    }
    for text in [
        "",
        " ",
        "\"",
        "\"a",
        "\"\\",
        "\"\\u",
        "\"\\u00",
        "0",
        "-0",
        "00",
        "-01",
        "1.",
        ".1",
        "1e",
        "1e+",
        "+1",
        "0x1",
        "nul",
        "nulll",
        "True",
        "{",
        "}",
        "[",
        "]",
        "{]",
        "[}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{1:1}",
        "{,}",
        "[,]",
        ",",
        ":",
        "[[]",
        "[]]",
        "1 1",
        "\u{feff}1",
        "\u{a0}1",
        "\"\u{7f}\u{2028}\"",
        "\"\t\"",
        "1e400",
        "-1e-400",
        "123456789012345678901234567890",
    ] {
        compare(text);
    }
}

#[test]
fn every_text_with_one_byte_changed_is_read_as_by_serde_json() {
    for text in TEXTS {
        for at in 0..text.len() {
            for byte in [
                b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', b' ', b'0', b'e', b'.', b'-', b'n', 0x1f,
                0x20, 0x7f,
            ] {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = byte;
                if let Ok(text) = std::str::from_utf8(&bytes) {
                    compare(text);
                }
                bytes.remove(at);
                if let Ok(text) = std::str::from_utf8(&bytes) {
                    compare(text);
                }
            }
        }
    }
}

#[test]
fn a_mark_is_found_at_every_place_of_a_word() {
    for mark in ['"', '\\', '\u{1f}', '\0'] {
        for before in 0..20 {
            for (filler, other) in [('a', 'b'), ('!', '#'), ('\u{7f}', ' '), ('é', 'é'), ('[', ']')] {
                let plain: String = [filler, other].into_iter().cycle().take(before).collect();
                let text = format!("\"{plain}{mark}rest of the text");
                let mut parser = Parser::new(&text);
                parser.bump();
                parser.skip_plain();
                assert_eq!(parser.at, plain.len() + 1, "{text:?}");
            }
        }
    }
}

#[test]
fn a_string_is_copied_only_for_an_escape() {
    let Ok(Json::Array(elements)) = Json::parse(br#"["plain", "esc\u0061ped"]"#) else { panic!("an array") };
    assert!(matches!(&elements[0], Json::String(Cow::Borrowed("plain"))));
    assert!(matches!(&elements[1], Json::String(Cow::Owned(text)) if text == "escaped"));
}

#[test]
fn what_is_too_deep_is_not_read_on() {
    let text = format!("{}nonsense", "[".repeat(MAX_DEPTH + 1));
    assert_eq!(Json::parse(text.as_bytes()), Err(JsonError::TooDeep));
}
