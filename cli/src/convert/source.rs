//! The text of a policy document, and where in it something stands.

use std::fmt;

use super::report::Message;

/// A document longer than this is refused unread. API Management's own limit is below it.
pub(super) const MAX_POLICY_BYTES: usize = 1_048_576;

/// A policy document.
#[derive(Debug)]
pub(super) struct Source {
    name: String,
    text: String,
    /// Where each line starts.
    lines: Vec<usize>,
}

/// A line and a column, both counted from 1; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The line.
    pub(super) line: usize,
    /// The character in it.
    pub(super) column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{}:{}", self.line, self.column)
    }
}

impl Source {
    /// Takes the bytes of a document that is called `name` in messages; they must be UTF-8, with a byte order mark or
    /// without. What cannot be read becomes an empty document, and a message.
    pub(super) fn read(name: &str, bytes: &[u8]) -> (Self, Option<Message>) {
        match text_of(bytes) {
            Ok(text) => (Self::new(name, text), None),
            Err(message) => (Self::new(name, String::new()), Some(message)),
        }
    }

    fn new(name: &str, text: String) -> Self {
        let after = |(index, _): (usize, &str)| index.saturating_add(1);
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(after)).collect();
        Self { name: name.to_owned(), text, lines }
    }

    /// What the document is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The text, without a byte order mark.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where the byte `at` stands.
    pub(super) fn place(&self, at: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= at);
        let start = line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(0);
        let before = self.text.get(start..at.min(self.text.len())).unwrap_or_default();
        Place { line, column: before.chars().count().saturating_add(1) }
    }

    /// The byte at a line and a column.
    pub(super) fn offset(&self, place: Place) -> usize {
        let start = place.line.checked_sub(1).and_then(|index| self.lines.get(index)).copied();
        let start = start.unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or_default();
        let within = rest.char_indices().nth(place.column.saturating_sub(1));
        start.saturating_add(within.map_or(rest.len(), |(index, _)| index))
    }
}

fn text_of(bytes: &[u8]) -> Result<String, Message> {
    if bytes.len() > MAX_POLICY_BYTES {
        return Err(Message::error(
            None,
            format!("longer than {MAX_POLICY_BYTES} bytes; a policy of API Management is shorter"),
        ));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Message::error(None, "is UTF-16; save it as UTF-8"));
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    String::from_utf8(bytes.to_vec()).map_err(|error| {
        let good = bytes.get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = good.split(|byte| *byte == b'\n').count();
        Message::error(None, format!("is not UTF-8 in line {line}; save it as UTF-8"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_and_characters() {
        let (source, message) = Source::read("p", "\u{feff}ä<a>\r\n<é/>x\n".as_bytes());
        assert_eq!(message, None);
        for (at, line, column) in
            [(0, 1, 1), (2, 1, 2), (7, 2, 1), (8, 2, 2), (10, 2, 3), (14, 3, 1), (99, 3, 1)]
        {
            assert_eq!(source.place(at), Place { line, column }, "{at}");
        }
        for at in [0, 2, 7, 10, 14] {
            assert_eq!(source.offset(source.place(at)), at);
        }
    }

    #[test]
    fn what_is_no_text_is_told() {
        for (bytes, problem) in [
            (b"\xff\xfe<\0".as_slice(), "is UTF-16; save it as UTF-8"),
            (b"<a>\n\xe4</a>", "is not UTF-8 in line 2; save it as UTF-8"),
        ] {
            let (source, message) = Source::read("p", bytes);
            assert_eq!((source.text(), message), ("", Some(Message::error(None, problem))));
        }
        assert!(Source::read("p", &vec![b' '; MAX_POLICY_BYTES]).1.is_none());
        assert!(Source::read("p", &vec![b' '; MAX_POLICY_BYTES + 1]).1.is_some());
    }
}
