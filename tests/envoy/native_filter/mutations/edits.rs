//! Edits of the compact text at places that chance chooses.

use super::super::draft::{Bytes, Mutation};
use super::super::random::Random;
use std::str;

/// What is put in: the alphabet and its neighbours, what separates things, and bytes of no text.
const CHARACTERS: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/. ,;:\"'%&?#~!@$^*(){}[]<>|\\\t\x7f\x80\xa0\xe9\xff";

/// One edit, or a few.
pub(super) fn edit(random: &mut Random) -> Mutation {
    let count = *random.pick(&[1, 1, 1, 2, 3]);
    let edits: Vec<Edit> = (0..count).map(|_| Edit::choose(random)).collect();
    let told: Vec<String> = edits.iter().map(ToString::to_string).collect();
    Mutation::text(told.join(", "), move |text| edits.iter().fold(text, |text, edit| edit.apply(text)))
}

/// Places are millionths of the length, so that an edit means the same for every token.
#[derive(Clone, Copy, Debug)]
struct Edit {
    kind: Kind,
    place: usize,
    other: usize,
    character: u8,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Replace,
    Insert,
    Delete,
    DeleteRange,
    Truncate,
    Behead,
    Swap,
    Double,
    TurnCase,
    TurnBit,
    ReplaceLast,
    InsertAtDot,
    ReplaceBesideDot,
}

const KINDS: [Kind; 13] = [
    Kind::Replace,
    Kind::Insert,
    Kind::Delete,
    Kind::DeleteRange,
    Kind::Truncate,
    Kind::Behead,
    Kind::Swap,
    Kind::Double,
    Kind::TurnCase,
    Kind::TurnBit,
    Kind::ReplaceLast,
    Kind::InsertAtDot,
    Kind::ReplaceBesideDot,
];

const MILLION: usize = 1_000_000;

impl Edit {
    fn choose(random: &mut Random) -> Self {
        let kind = *random.pick(&KINDS);
        let (place, other) = (random.below(MILLION), random.below(MILLION));
        Self { kind, place, other, character: *random.pick(CHARACTERS) }
    }

    fn apply(&self, mut text: Bytes) -> Bytes {
        if text.is_empty() {
            return text;
        }
        let (at, other) = (self.place * text.len() / MILLION, self.other * text.len() / MILLION);
        let dots: Vec<usize> = (0..text.len()).filter(|at| text[*at] == b'.').collect();
        let dot = dots.get(self.place % 2).copied().unwrap_or(at);
        match self.kind {
            Kind::Replace => text[at] = self.character,
            Kind::Insert => text.insert(at, self.character),
            Kind::Delete => drop(text.remove(at)),
            Kind::DeleteRange => drop(text.drain(at.min(other)..at.max(other))),
            Kind::Truncate => text.truncate(at),
            Kind::Behead => drop(text.drain(..at)),
            Kind::Swap => text.swap(at, other),
            Kind::Double => {
                let range = text[at.min(other)..at.max(other)].to_vec();
                text.splice(at.max(other)..at.max(other), range);
            }
            Kind::TurnCase => text[at] ^= 0x20,
            // Never the highest bit, which would make most of the text no ASCII.
            Kind::TurnBit => text[at] ^= 1 << (self.other % 7),
            Kind::ReplaceLast => *text.last_mut().unwrap() = self.character,
            Kind::InsertAtDot => text.insert(dot + self.other % 2, self.character),
            Kind::ReplaceBesideDot => {
                let beside = if self.other.is_multiple_of(2) { dot.saturating_sub(1) } else { dot + 1 };
                if let Some(byte) = text.get_mut(beside) {
                    *byte = self.character;
                }
            }
        }
        // A line that ends within a value is another request.
        text.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
        text
    }
}

impl std::fmt::Display for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, place, other, character } = self;
        let character = [*character];
        let shown =
            str::from_utf8(&character).map_or_else(|_| character.escape_ascii().to_string(), str::to_owned);
        write!(f, "{kind:?} `{shown}` at {place}/{other}")
    }
}
