//! JSON as text that fits where only printable ASCII does, such as a header.

use std::fmt::Write;

use super::Json;

impl Json<'_> {
    /// The value as compact JSON in printable ASCII: everything else is escaped, and numbers keep their digits. Members come in
    /// the order of their names.
    pub fn to_ascii(&self) -> String {
        let mut text = String::new();
        write_value(self, &mut text);
        text
    }
}

/// The tree is no deeper than the parser allows.
fn write_value(value: &Json<'_>, text: &mut String) {
    match value {
        Json::Null => text.push_str("null"),
        Json::Bool(true) => text.push_str("true"),
        Json::Bool(false) => text.push_str("false"),
        Json::Number(digits) => text.push_str(digits),
        Json::String(string) => write_string(string, text),
        Json::Array(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                separate(index, text);
                write_value(element, text);
            }
            text.push(']');
        }
        Json::Object(members) => {
            text.push('{');
            for (index, (name, member)) in members.sorted().into_iter().enumerate() {
                separate(index, text);
                write_string(name, text);
                text.push(':');
                write_value(member, text);
            }
            text.push('}');
        }
    }
}

fn separate(index: usize, text: &mut String) {
    if index > 0 {
        text.push(',');
    }
}

/// RFC 8259 §7.
fn write_string(string: &str, text: &mut String) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            ' '..='~' => text.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a `String` cannot fail.
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_ascii_and_reads_back_the_same() {
        for (json, expected) in [
            ("null", "null"),
            (" [ true , false ] ", "[true,false]"),
            ("[9007199254740993,1.50,-0,1e400]", "[9007199254740993,1.50,-0,1e400]"),
            (r#"{ "b" : [ ] , "a" : { } }"#, r#"{"a":{},"b":[]}"#),
            (r#""\"\\\/ ~""#, r#""\"\\/ ~""#),
            (r#""\u0000\r\n\t\u007f""#, r#""\u0000\u000d\u000a\u0009\u007f""#),
            (r#""é\u00A0\u2028""#, r#""\u00e9\u00a0\u2028""#),
            (r#"{"😀":"😀"}"#, r#"{"\ud83d\ude00":"\ud83d\ude00"}"#),
        ] {
            let value = Json::parse(json.as_bytes()).unwrap();
            let text = value.to_ascii();
            assert_eq!(text, expected);
            assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{text}");
            assert!(Json::parse(text.as_bytes()) == Ok(value), "{text}");
        }
    }
}
