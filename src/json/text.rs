//! A text as JSON.

use std::fmt::Write;

/// The text as a JSON string, quotes included; escaped is only what must be (RFC 8259 §7).
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len().saturating_add(2));
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str(r#"\""#),
            '\\' => quoted.push_str(r"\\"),
            '\u{8}' => quoted.push_str(r"\b"),
            '\t' => quoted.push_str(r"\t"),
            '\n' => quoted.push_str(r"\n"),
            '\u{c}' => quoted.push_str(r"\f"),
            '\r' => quoted.push_str(r"\r"),
            '\0'..' ' => {
                // Writing to a `String` cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;

    #[test]
    fn what_is_quoted_is_what_another_writes_and_reads_back_the_same() {
        let controls: String = ('\0'..='\u{80}').collect();
        for text in
            ["", "orders", "a \"b\" \\ c/d", "Zugriff: nein – größer", "😀\u{2028}", controls.as_str()]
        {
            let quoted = quoted(text);
            assert_eq!(quoted, serde_json::to_string(text).unwrap());
            assert_eq!(Json::parse(quoted.as_bytes()), Ok(Json::String(text.into())));
        }
    }
}
