//! A request's path, as rules compare it: decoded once, and only when proxy and backend cannot read it differently.

use std::{borrow::Cow, fmt};

use crate::percent;

/// A path that everybody reads alike, percent-decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath<'p> {
    decoded: Cow<'p, str>,
}

/// What makes a path one that a backend may read as another path than the proxy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguous {
    /// It does not start with `/`: empty, `*` (RFC 9110 §9.3.7), a whole URL, or the host and port of `CONNECT`.
    NotAbsolute,
    /// `\`, encoded or not, which some servers take for `/`.
    Backslash,
    /// An encoded `/`.
    EncodedSlash,
    /// `//`, which some servers take for `/`.
    DoubleSlash,
    /// `;`, encoded or not, with which path parameters begin that some servers cut off.
    Semicolon,
    /// A segment `.` or `..`, encoded or not (RFC 3986 §5.2.4).
    DotSegment,
    /// A byte below 0x20 or 0x7F, encoded or not.
    Control,
    /// A `%` without two hexadecimal digits.
    BrokenEscape,
    /// What is an escape still after decoding, such as `%252e`.
    DoubleEscape,
    /// Bytes that are not UTF-8 after decoding.
    NotUtf8,
    /// A letter that some readers take for another one when they ignore case, and the two would be decided by different rules.
    Case,
    /// Not the path but the host: there is none, or none that everybody reads alike.
    Host,
    /// Not the path but the method: one that everybody knows, in another case, for which another rule would decide.
    Method,
}

impl<'p> RequestPath<'p> {
    /// Reads a path without query and fragment.
    pub fn read(raw: &'p [u8]) -> Result<Self, Ambiguous> {
        if raw.first() != Some(&b'/') {
            return Err(Ambiguous::NotAbsolute);
        }
        let decoded = decode(raw)?;
        // What is looked for in decoded bytes is found however it was written.
        for byte in decoded.iter() {
            match byte {
                b'\\' => return Err(Ambiguous::Backslash),
                b';' => return Err(Ambiguous::Semicolon),
                0..0x20 | 0x7f => return Err(Ambiguous::Control),
                _ => {}
            }
        }
        if decoded.split(|byte| *byte == b'/').any(|segment| matches!(segment, b"." | b"..")) {
            return Err(Ambiguous::DotSegment);
        }
        if decoded.windows(2).any(|pair| pair == b"//") {
            return Err(Ambiguous::DoubleSlash);
        }
        if decoded.windows(3).any(|text| percent::escape(text).is_some()) {
            return Err(Ambiguous::DoubleEscape);
        }
        let decoded = match decoded {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).ok(),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).ok(),
        };
        Ok(Self { decoded: decoded.ok_or(Ambiguous::NotUtf8)? })
    }

    /// The path, decoded.
    pub fn as_str(&self) -> &str {
        &self.decoded
    }
}

/// Decodes every escape; fails at one that is broken or stands for `/`.
fn decode(raw: &[u8]) -> Result<Cow<'_, [u8]>, Ambiguous> {
    let mut escapes = (0..raw.len()).filter_map(|at| raw.get(at..)).filter(|rest| rest.starts_with(b"%"));
    escapes.try_for_each(|rest| match percent::escape(rest) {
        None => Err(Ambiguous::BrokenEscape),
        Some((b'/', _)) => Err(Ambiguous::EncodedSlash),
        Some(_) => Ok(()),
    })?;
    Ok(percent::decode(raw))
}

/// A path without regard to case, in two ways: readers do not agree on every letter.
///
/// Some know that `ſ`, `ı`, `İ` and the Kelvin sign are `s`, `i`, `i` and `k` in another case (Java's `equalsIgnoreCase`), some
/// write `ß` as `ss`, some do neither (ordinal comparison in .NET). Where this makes no difference, `narrow` and `broad` are
/// the same text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folded {
    /// Lower-cased, but for letters beyond ASCII whose lower case is in ASCII.
    pub(super) narrow: String,
    /// Every letter that may be another one is that one.
    pub(super) broad: String,
}

impl Folded {
    pub(super) fn new(path: &str) -> Self {
        if path.is_ascii() {
            let folded = path.to_ascii_lowercase();
            return Self { narrow: folded.clone(), broad: folded };
        }
        let (mut narrow, mut broad) = (String::with_capacity(path.len()), String::with_capacity(path.len()));
        for letter in path.chars() {
            let mut lower = letter.to_lowercase();
            if letter.is_ascii() || !lower.any(|letter| letter.is_ascii()) {
                narrow.extend(letter.to_lowercase());
            } else {
                narrow.push(letter);
            }
            match letter {
                // Its lower case is `i` with a second dot, which those that compare letter by letter do not see.
                'İ' => broad.push('i'),
                _ => broad.extend(letter.to_uppercase().flat_map(char::to_lowercase)),
            }
        }
        Self { narrow, broad }
    }

    pub(super) fn is_unequivocal(&self) -> bool {
        self.narrow == self.broad
    }
}

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "does not start with `/`",
            Self::Backslash => r"has a `\`, encoded or not",
            Self::EncodedSlash => "has an encoded `/`",
            Self::DoubleSlash => "has `//`",
            Self::Semicolon => "has a `;`, encoded or not",
            Self::DotSegment => "has a segment `.` or `..`, encoded or not",
            Self::Control => "has a control character, encoded or not",
            Self::BrokenEscape => "has a `%` without two hexadecimal digits",
            Self::DoubleEscape => "is percent-encoded twice",
            Self::NotUtf8 => "is not UTF-8 after decoding",
            Self::Case => "has a letter that is another one to some who ignore case",
            Self::Host => "stands beside a host that is none",
            Self::Method => "stands beside a method in another case than its own",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_once() {
        for (raw, expected) in [
            ("/", "/"),
            ("/a/b/", "/a/b/"),
            ("/A%2Eb%2dc", "/A.b-c"),
            ("/.well-known/..x/x../...", "/.well-known/..x/x../..."),
            ("/%C3%A9/é", "/é/é"),
            ("/a%20b+c", "/a b+c"),
            ("/a%3fb%23c", "/a?b#c"),
            ("/100%25", "/100%"),
            ("/100%25g0", "/100%g0"),
            ("/%C2%80", "/\u{80}"),
        ] {
            assert_eq!(RequestPath::read(raw.as_bytes()).unwrap().as_str(), expected, "{raw}");
        }
    }

    #[test]
    fn a_path_that_can_be_read_differently_is_ambiguous() {
        let cases: &[(&[u8], Ambiguous)] = &[
            (b"", Ambiguous::NotAbsolute),
            (b"*", Ambiguous::NotAbsolute),
            (b"admin", Ambiguous::NotAbsolute),
            (b"%2fadmin", Ambiguous::NotAbsolute),
            (b"http://host/admin", Ambiguous::NotAbsolute),
            (b"host:443", Ambiguous::NotAbsolute),
            (b"/a\\b", Ambiguous::Backslash),
            (b"/a%5Cb", Ambiguous::Backslash),
            (b"/a%5cb", Ambiguous::Backslash),
            (b"/a%2Fb", Ambiguous::EncodedSlash),
            (b"/a%2fb", Ambiguous::EncodedSlash),
            (b"//a", Ambiguous::DoubleSlash),
            (b"/a//b", Ambiguous::DoubleSlash),
            (b"/a//", Ambiguous::DoubleSlash),
            (b"/a;b", Ambiguous::Semicolon),
            (b"/a%3Bb", Ambiguous::Semicolon),
            (b"/a%3bb", Ambiguous::Semicolon),
            (b"/a/..;/b", Ambiguous::Semicolon),
            (b"/.", Ambiguous::DotSegment),
            (b"/..", Ambiguous::DotSegment),
            (b"/a/./b", Ambiguous::DotSegment),
            (b"/a/../b", Ambiguous::DotSegment),
            (b"/a/%2e/b", Ambiguous::DotSegment),
            (b"/a/%2E%2e/b", Ambiguous::DotSegment),
            (b"/a/.%2e", Ambiguous::DotSegment),
            (b"/a/%2E.", Ambiguous::DotSegment),
            (b"/a\0", Ambiguous::Control),
            (b"/a\x1f", Ambiguous::Control),
            (b"/a\x7f", Ambiguous::Control),
            (b"/a%00", Ambiguous::Control),
            (b"/a%0d%0A", Ambiguous::Control),
            (b"/a%7F", Ambiguous::Control),
            (b"/a%", Ambiguous::BrokenEscape),
            (b"/a%2", Ambiguous::BrokenEscape),
            (b"/a%g0", Ambiguous::BrokenEscape),
            (b"/a%0g", Ambiguous::BrokenEscape),
            (b"/a%u002e", Ambiguous::BrokenEscape),
            (b"/a%%2e", Ambiguous::BrokenEscape),
            (b"/a/%252e%252e/b", Ambiguous::DoubleEscape),
            (b"/a%25%32e", Ambiguous::DoubleEscape),
            (b"/a%25%32%65", Ambiguous::DoubleEscape),
            (b"/a%2541", Ambiguous::DoubleEscape),
            (b"/a%252541", Ambiguous::DoubleEscape),
            (b"/a\xff", Ambiguous::NotUtf8),
            (b"/a%FF", Ambiguous::NotUtf8),
            (b"/%C0%AE%C0%AE/b", Ambiguous::NotUtf8),
            (b"/a\xc3%A9\xc3", Ambiguous::NotUtf8),
            (b"/%ED%A0%80", Ambiguous::NotUtf8),
        ];
        for (raw, expected) in cases {
            assert_eq!(RequestPath::read(raw).as_ref(), Err(expected), "{}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn what_is_not_ambiguous_is_the_same_to_who_decodes_again_and_resolves_dots() {
        let alphabet = b"/.%2e5f";
        let mut accepted = 0;
        for number in 0..alphabet.len().pow(6) {
            let letters = (0..6).map(|place| alphabet[number / alphabet.len().pow(place) % alphabet.len()]);
            let raw: Vec<u8> = [b'/'].into_iter().chain(letters).collect();
            let Ok(path) = RequestPath::read(&raw) else {
                continue;
            };
            accepted += 1;
            let text = path.as_str();
            assert_eq!(*percent::decode(text.as_bytes()), *text.as_bytes(), "{text}");
            assert!(text.split('/').all(|segment| segment != "." && segment != ".."), "{text}");
            assert!(!text.contains("//"), "{text}");
            let segments = raw.split(|byte| *byte == b'/').count();
            assert_eq!(text.split('/').count(), segments, "{text}");
        }
        assert!(accepted > 10_000, "{accepted}");
    }

    #[test]
    fn letters_that_readers_fold_differently_are_told() {
        for (path, narrow, broad) in [
            ("/ADMIN", "/admin", "/admin"),
            ("/CAFÉ/Ω", "/café/ω", "/café/ω"),
            ("/ıſ", "/ıſ", "/is"),
            ("/İ\u{212a}", "/İ\u{212a}", "/ik"),
            ("/Straße", "/straße", "/strasse"),
            ("/ﬁ", "/ﬁ", "/fi"),
        ] {
            let folded = Folded::new(path);
            assert_eq!((folded.narrow.as_str(), folded.broad.as_str()), (narrow, broad), "{path}");
            assert_eq!(folded.is_unequivocal(), narrow == broad, "{path}");
        }
    }
}
