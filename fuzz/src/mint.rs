//! Tokens that an input describes: genuinely signed, then perhaps spoilt.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    input::Choices,
    signers::{SIGNERS, Signer},
};

/// Signs `payload`, whatever it is, under `header`; `{alg}` and `{kid}` in it stand for the signer's, and an empty one for the
/// usual header. Key, algorithm and damage are as `choices` say; a forger names another's key.
pub fn token(header: &[u8], payload: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    let number = usize::from(choices.byte());
    let signer = &SIGNERS[number % SIGNERS.len()];
    let named = if number < FORGED { signer } else { &SIGNERS[choices.below(SIGNERS.len())] };
    let algorithms = named.algorithms();
    let algorithm = algorithms[choices.below(algorithms.len())];
    let mut token = forge(signer, named, algorithm, header, payload);
    spoil(&mut token, choices);
    token
}

/// From this number on a token names another key than the one that signs.
pub const FORGED: usize = 128;

const UNSPOILT: u8 = 200;

/// A token that nothing spoilt.
pub fn sign(signer: &Signer, algorithm: &str, header: &[u8], payload: &[u8]) -> Vec<u8> {
    forge(signer, signer, algorithm, header, payload)
}

/// A token that says it is `named`'s.
pub fn forge(signer: &Signer, named: &Signer, algorithm: &str, header: &[u8], payload: &[u8]) -> Vec<u8> {
    let usual = br#"{"alg":"{alg}","kid":"{kid}","typ":"JWT"}"#;
    let header = if header.is_empty() { usual } else { header };
    let header = replace(&replace(header, b"{alg}", algorithm), b"{kid}", named.key_id);
    let mut token = format!("{}.{}", encode(&header), encode(payload)).into_bytes();
    let signature = signer.sign(algorithm, &token);
    token.push(b'.');
    token.extend(encode(&signature).bytes());
    token
}

/// Base64url without padding.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Changes the text in up to three places, or, most often, not at all.
pub fn spoil(text: &mut Vec<u8>, choices: &mut Choices<'_>) {
    let places = match choices.byte() {
        0..=UNSPOILT => 0,
        201..=240 => 1,
        number => number % 4,
    };
    for _ in 0..places {
        let at = choices.below(65_536) % (text.len() + 1);
        let byte = choices.byte();
        match choices.below(5) {
            0 => text.insert(at, byte),
            1 => text.truncate(at),
            2 => drop(text.splice(at..at, b"..".iter().copied())),
            3 if at < text.len() => drop(text.remove(at)),
            _ if at < text.len() => text[at] = byte,
            _ => {}
        }
    }
}

/// The text with `with` in the place of every `mark`.
pub fn replace(text: &[u8], mark: &[u8], with: &str) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(mark) {
            replaced.extend(with.bytes());
            rest = after;
        } else {
            replaced.push(*first);
            rest = after;
        }
    }
    replaced
}
