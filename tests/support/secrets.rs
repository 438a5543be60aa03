//! What no log and no answer may hold, and the search for it.

use std::collections::BTreeSet;

/// So many bytes of a secret in a row are a leak.
const PIECE: usize = 20;

/// The pieces of every secret that was ever in play.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    pieces: BTreeSet<[u8; PIECE]>,
}

impl Secrets {
    /// Adds a token, a signature or a key. One shorter than a piece could be found by accident, and is refused.
    pub(crate) fn add(&mut self, secret: &[u8]) {
        assert!(secret.len() >= PIECE, "{} bytes are too few to look for", secret.len());
        self.pieces.extend(secret.array_windows::<PIECE>());
    }

    /// Where in `text` the first piece of a secret stands.
    pub(crate) fn find_in(&self, text: &[u8]) -> Option<usize> {
        text.array_windows::<PIECE>().position(|window| self.pieces.contains(window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_a_secret_is_found_wherever_it_stands() {
        let mut secrets = Secrets::default();
        secrets.add(b"abcdefghijklmnopqrstuvwxyz0123456789");
        assert_eq!(secrets.find_in(b"nothing of it in here, not even abcdefghijklmnopqrs"), None);
        assert_eq!(secrets.find_in(b"the head: abcdefghijklmnopqrst"), Some(10));
        assert_eq!(secrets.find_in(b"cut out of the middle: jklmnopqrstuvwxyz012."), Some(23));
        assert_eq!(secrets.find_in(b"qrstuvwxyz0123456789"), Some(0));
    }
}
