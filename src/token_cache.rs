//! The tokens that were verified lately, so that one that comes again is not verified again.
//!
//! What is kept of a token is all that allowed it: its text, whole, the dates that are checked each time, how long the key that
//! verified it may be used, and the state of all keys, with any change of which it counts no more. What was refused, or let
//! through without a signature, is never kept.

use std::{cell::RefCell, collections::BTreeMap, fmt};

use crate::{checks::Lifetime, time::Timestamp, validate::Admission};

/// The most bytes that `token-cache.max-bytes` can allow. A VM of Envoy has a gibibyte in all.
pub const MAX_TOKEN_CACHE_BYTES: u32 = 268_435_456;

/// What an entry takes beside its texts, roughly: itself, its place in the table, and what the allocator adds.
const OVERHEAD: usize = 256;

/// Verified tokens, bounded in bytes: those that were used least lately go first.
///
/// They are kept in two halves. When the younger one is full, the older one is dropped and the younger takes its place; what is
/// found in the older one moves over.
pub struct TokenCache {
    max_bytes: usize,
    halves: RefCell<Halves>,
}

/// What a token is looked up under: who asks, and about what.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// The policy's position in its configuration.
    pub policy: usize,
    /// The token's text, as it came.
    pub text: &'q [u8],
    /// The host that the request names, where the policy looks at it.
    pub host: Option<&'q str>,
    /// The state of all keys ([`KeyStore::epoch`](crate::keys::KeyStore::epoch)).
    pub epoch: u64,
}

/// What is kept of a token that was verified and checked.
pub struct Remembered {
    /// Its dates.
    pub lifetime: Lifetime,
    /// Until when the key that verified it may be used, in the key store's time; `None` for a key of the configuration.
    pub usable_until: Option<Timestamp>,
    /// What a request gets that brings it.
    pub admission: Admission,
}

#[derive(Default)]
struct Halves {
    young: Half,
    old: Half,
}

#[derive(Default)]
struct Half {
    entries: BTreeMap<Name, Entry>,
    bytes: usize,
}

/// What differs for most tokens and policies. That a caller can choose tokens of one name does him no good: they take each
/// other's place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    /// The last sixteen bytes of the token: of a signature, 96 bits.
    tail: u128,
    policy: usize,
}

struct Entry {
    text: Box<[u8]>,
    host: Option<Box<str>>,
    epoch: u64,
    remembered: Remembered,
}

impl TokenCache {
    /// An empty cache of at most `max_bytes`; of none, it keeps nothing.
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes, halves: RefCell::default() }
    }

    /// How many bytes it takes, roughly.
    pub fn bytes(&self) -> usize {
        let Halves { young, old } = &*self.halves.borrow();
        young.bytes.saturating_add(old.bytes)
    }

    /// What a request gets whose token is remembered, when it still is `good`.
    pub fn find(&self, question: Question<'_>, good: impl FnOnce(&Remembered) -> bool) -> Option<Admission> {
        if self.max_bytes == 0 {
            return None;
        }
        let name = Name::of(question);
        let mut halves = self.halves.borrow_mut();
        if let Some(entry) = halves.young.entries.get(&name) {
            return entry.answer(question, good);
        }
        let entry = halves.old.take(&name)?;
        let answer = entry.answer(question, good);
        if answer.is_some() {
            halves.keep(name, entry, self.max_bytes);
        }
        answer
    }

    /// Remembers a token that was verified and checked.
    pub fn remember(&self, question: Question<'_>, remembered: Remembered) {
        let (text, host) = (question.text.into(), question.host.map(Into::into));
        let entry = Entry { text, host, epoch: question.epoch, remembered };
        // One that would fill a half by itself pushes out what serves more requests.
        if entry.bytes() <= self.max_bytes / 8 {
            self.halves.borrow_mut().keep(Name::of(question), entry, self.max_bytes);
        }
    }
}

impl Halves {
    fn keep(&mut self, name: Name, entry: Entry, max_bytes: usize) {
        self.young.take(&name);
        if self.young.bytes.saturating_add(entry.bytes()) > max_bytes / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, entry);
    }
}

impl Half {
    fn insert(&mut self, name: Name, entry: Entry) {
        self.bytes = self.bytes.saturating_add(entry.bytes());
        self.entries.insert(name, entry);
    }

    fn take(&mut self, name: &Name) -> Option<Entry> {
        let entry = self.entries.remove(name)?;
        self.bytes = self.bytes.saturating_sub(entry.bytes());
        Some(entry)
    }
}

impl Name {
    fn of(question: Question<'_>) -> Self {
        let tail = question.text.last_chunk().map_or(0, |tail| u128::from_le_bytes(*tail));
        Self { tail, policy: question.policy }
    }
}

impl Entry {
    /// Nothing but the whole text will do: another token may have the same end.
    fn answer(&self, question: Question<'_>, good: impl FnOnce(&Remembered) -> bool) -> Option<Admission> {
        let is_asked = self.epoch == question.epoch
            && self.host.as_deref() == question.host
            && is_same(&self.text, question.text);
        (is_asked && good(&self.remembered)).then(|| self.remembered.admission.clone())
    }

    fn bytes(&self) -> usize {
        let host = self.host.as_deref().map_or(0, str::len);
        let parts = [OVERHEAD, self.text.len(), host, self.remembered.admission.bytes()];
        parts.into_iter().fold(0, usize::saturating_add)
    }
}

/// Whether two texts are the same, by four words of eight bytes at a time: the comparison of a WebAssembly module's C library
/// takes one byte at a time.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let ((words, rest), (other_words, other_rest)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let ((blocks, words), (other_blocks, other_words)) =
        (words.as_chunks::<4>(), other_words.as_chunks::<4>());
    let differ = |one: &[u8; 8], other: &[u8; 8]| u64::from_le_bytes(*one) ^ u64::from_le_bytes(*other);
    let mut difference = 0;
    for ([a, b, c, d], [e, f, g, h]) in blocks.iter().zip(other_blocks) {
        difference |= differ(a, e) | differ(b, f) | differ(c, g) | differ(d, h);
    }
    for (one, other) in words.iter().zip(other_words) {
        difference |= differ(one, other);
    }
    difference == 0 && rest == other_rest
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remembered(…)")
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
