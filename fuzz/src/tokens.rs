//! Every text in a request that could be a token, wherever it stands.

use std::collections::BTreeMap;

use crate::{mint, proxy::Pairs};

/// How the values begin of headers that a client made up in the filter's name.
pub const SPOOFED: &[u8] = b"spoofed";

/// The tokens of a request's headers and property; of encrypted ones, what is in them.
pub fn find(headers: &Pairs, property: Option<&[u8]>, sealed: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<Vec<u8>> {
    let texts = headers.iter().map(|(_, value)| value.as_slice()).chain(property);
    let mut tokens = Vec::new();
    for text in texts {
        for text in [text.to_vec(), decode(text)] {
            let is_of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
            for word in text.split(|byte| !is_of_token(byte)) {
                match word.split(|byte| *byte == b'.').count() {
                    3 => tokens.push(word.to_vec()),
                    5 => tokens.extend(sealed.get(word).map(|plaintext| nested(plaintext))),
                    _ => {}
                }
            }
        }
    }
    tokens.sort();
    tokens.dedup();
    tokens
}

/// What an encrypted token holds: a token, or claims by themselves, which are as good as unsigned.
fn nested(plaintext: &[u8]) -> Vec<u8> {
    if plaintext.trim_ascii_start().starts_with(b"{") {
        let header = mint::encode(br#"{"alg":"none"}"#);
        return format!("{header}.{}.", mint::encode(plaintext)).into_bytes();
    }
    plaintext.to_vec()
}

/// Percent-decodes; what is no escape stays.
pub fn decode(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if let (b'%', Some(high), Some(low)) = (first, digit(after.first()), digit(after.get(1))) {
            decoded.push(u8::try_from(high * 16 + low).expect("two digits"));
            rest = &after[2..];
        } else {
            decoded.push(*first);
            rest = after;
        }
    }
    decoded
}
