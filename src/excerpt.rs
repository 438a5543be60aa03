//! Quoting text from outside in a log line: escaped, so that it cannot forge lines, and cut, so that it cannot flood.

use std::fmt;

/// How much is quoted, in bytes after escaping.
pub const MAX_EXCERPT_BYTES: usize = 64;

/// Shows the beginning of a text that somebody else wrote.
#[derive(Clone, Copy, Debug)]
pub struct Excerpt<'t>(pub &'t str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = MAX_EXCERPT_BYTES;
        for character in self.0.chars() {
            // ASCII alone, so that no direction mark or look-alike reaches a terminal.
            let escaped = character.escape_default();
            let Some(left) = room.checked_sub(escaped.len()) else {
                return f.write_str("…");
            };
            room = left;
            write!(f, "{escaped}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_escaped_and_cut() {
        assert_eq!(Excerpt("key-1").to_string(), "key-1");
        assert_eq!(Excerpt("a\r\nb\u{202e}\u{0}").to_string(), r"a\r\nb\u{202e}\u{0}");
        assert_eq!(Excerpt(&"x".repeat(64)).to_string(), "x".repeat(64));
        assert_eq!(Excerpt(&"x".repeat(65)).to_string(), format!("{}…", "x".repeat(64)));
        assert_eq!(Excerpt(&"\u{1f511}".repeat(1_000_000)).to_string().len(), 7 * 9 + "…".len());
    }
}
