//! Percent-encoding (RFC 3986 §2.1), taken off once.

use std::borrow::Cow;

/// Decodes `%41` to `A`, once; a `%` without two hexadecimal digits stays. `+` stays too: a form's rules are not a URL's.
pub fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let (byte, after) = escape(rest).unwrap_or((*first, tail));
        decoded.push(byte);
        rest = after;
    }
    Cow::Owned(decoded)
}

/// The byte that an escape at the beginning of `text` stands for, and what follows the escape; `None` when there is none.
pub fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, after @ ..] = text else {
        return None;
    };
    Some(((hex_digit(*high)? << 4) | hex_digit(*low)?, after))
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_taken_off_once() {
        for (text, expected) in [
            ("a.b", &b"a.b"[..]),
            ("%41%7a%C3%a9", b"Az\xc3\xa9"),
            ("%2541", b"%41"),
            ("a+b", b"a+b"),
            ("%", b"%"),
            ("%4", b"%4"),
            ("%4g%g4", b"%4g%g4"),
            ("%%41", b"%A"),
        ] {
            assert_eq!(*decode(text.as_bytes()), *expected, "{text}");
        }
    }
}
