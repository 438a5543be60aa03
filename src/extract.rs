//! Finding the token in a request (APIM `header-name`, `query-parameter-name`, `require-scheme`).

use std::borrow::Cow;

use crate::{
    rejection::{Absence, Malformed, Rejection},
    request::RequestHead,
};

/// Where a policy looks for the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// The `Authorization` header.
    Authorization {
        /// The scheme that must stand before the token. Without one, `Bearer` is taken off where it stands, and a bare token
        /// is accepted.
        require_scheme: Option<String>,
    },
    /// Another header, which holds the bare token.
    Header {
        /// Its name, in lower case.
        name: String,
    },
    /// A query parameter, which holds the bare token.
    Query {
        /// Its name, decoded.
        name: String,
    },
}

impl TokenSource {
    /// The token's text; fails when there is none, or more than one place that holds one.
    pub fn extract<'h>(&self, head: RequestHead<'h>) -> Result<Cow<'h, [u8]>, Rejection> {
        let token = match self {
            Self::Authorization { require_scheme } => {
                let value = only(head.values("authorization").map(trim))?;
                // A proxy joins two headers of this name into a list (RFC 9110 §5.3); neither scheme nor token has a comma.
                if value.contains(&b',') {
                    return Err(Malformed::SeveralTokens.into());
                }
                Cow::Borrowed(without_scheme(value, require_scheme.as_deref())?)
            }
            Self::Header { name } => Cow::Borrowed(only(head.values(name).map(trim))?),
            Self::Query { name } => {
                only(query_values(head, name.as_bytes()).map(|value| percent_decode(value)))?
            }
        };
        if token.is_empty() { Err(Rejection::NotPresent(Absence::Nothing)) } else { Ok(token) }
    }
}

/// The only value; a source that is there twice is refused, whatever the copies hold: which one counts would be a guess.
fn only<T>(mut values: impl Iterator<Item = T>) -> Result<T, Rejection> {
    let value = values.next().ok_or(Rejection::NotPresent(Absence::Nothing))?;
    if values.next().is_some() {
        return Err(Malformed::SeveralTokens.into());
    }
    Ok(value)
}

/// What follows the scheme (RFC 9110 §11.4: scheme, case-insensitive, then white space).
fn without_scheme<'h>(value: &'h [u8], required: Option<&str>) -> Result<&'h [u8], Rejection> {
    let end = value.iter().position(|byte| is_blank(*byte)).unwrap_or(value.len());
    let (first, rest) = value.split_at_checked(end).unwrap_or((value, &[]));
    let rest = trim(rest);
    match required {
        Some(scheme) if first.eq_ignore_ascii_case(scheme.as_bytes()) => Ok(rest),
        None if first.eq_ignore_ascii_case(b"bearer") => Ok(rest),
        None if rest.is_empty() => Ok(first),
        Some(_) | None => {
            Err(Rejection::NotPresent(if value.is_empty() { Absence::Nothing } else { Absence::Scheme }))
        }
    }
}

fn query_values<'h>(head: RequestHead<'h>, name: &[u8]) -> impl Iterator<Item = &'h [u8]> {
    head.query().into_iter().flat_map(|query| query.split(|byte| *byte == b'&')).filter_map(move |pair| {
        let (known, value) = pair
            .iter()
            .position(|byte| *byte == b'=')
            .and_then(|equals| pair.split_at_checked(equals))
            .map_or((pair, [].as_slice()), |(known, rest)| (known, rest.get(1..).unwrap_or_default()));
        (*percent_decode(known) == *name).then_some(value)
    })
}

/// Decodes `%41` to `A`, once (RFC 3986 §2.1). `+` stays: a JWT has none, and a form's rules are not a URL's.
fn percent_decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push((hex_digit(*high) << 4) | hex_digit(*low));
                after
            }
            _ => {
                decoded.push(*first);
                tail
            }
        };
    }
    Cow::Owned(decoded)
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit.wrapping_sub(b'0'),
        b'a'..=b'f' => digit.wrapping_sub(b'a').wrapping_add(10),
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}

/// Without the white space of HTTP (RFC 9110 §5.6.3) at both ends.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = value
        && is_blank(*first)
    {
        value = rest;
    }
    while let [rest @ .., last] = value
        && is_blank(*last)
    {
        value = rest;
    }
    value
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extract(source: &TokenSource, headers: &[(&str, &str)]) -> Result<String, Rejection> {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
            .collect();
        let token = source.extract(RequestHead::new(&headers))?;
        Ok(String::from_utf8(token.into_owned()).unwrap())
    }

    const NOTHING: Rejection = Rejection::NotPresent(Absence::Nothing);
    const SCHEME: Rejection = Rejection::NotPresent(Absence::Scheme);
    const SEVERAL: Rejection = Rejection::Malformed(Malformed::SeveralTokens);

    #[test]
    fn authorization_without_required_scheme() {
        let source = TokenSource::Authorization { require_scheme: None };
        let cases: &[(&str, Result<&str, Rejection>)] = &[
            ("Bearer a.b.c", Ok("a.b.c")),
            ("bearer a.b.c", Ok("a.b.c")),
            ("BEARER \t a.b.c \t", Ok("a.b.c")),
            ("a.b.c", Ok("a.b.c")),
            ("Bearer", Err(NOTHING)),
            ("Bearer ", Err(NOTHING)),
            ("", Err(NOTHING)),
            (" \t", Err(NOTHING)),
            ("Basic dXNlcg==", Err(SCHEME)),
            ("Bearer a, Bearer b", Err(SEVERAL)),
            ("Bearer a.b.c,", Err(SEVERAL)),
            // What is wrong with these is found when the token is parsed.
            ("Bearer a b", Ok("a b")),
            ("Bearer Bearer a", Ok("Bearer a")),
            ("Bearer\u{a0}a", Ok("Bearer\u{a0}a")),
        ];
        for (value, expected) in cases {
            let expected = expected.clone().map(str::to_owned);
            assert_eq!(extract(&source, &[("authorization", value)]), expected, "{value}");
        }
        assert_eq!(extract(&source, &[("x", "a")]), Err(NOTHING));
        assert_eq!(extract(&source, &[("authorization", "Bearer a"), ("authorization", "")]), Err(SEVERAL));
    }

    #[test]
    fn authorization_with_required_scheme() {
        let source = TokenSource::Authorization { require_scheme: Some("Token".into()) };
        for (value, expected) in [
            ("token a.b.c", Ok("a.b.c")),
            ("Token  a.b.c", Ok("a.b.c")),
            ("Bearer a.b.c", Err(SCHEME)),
            ("a.b.c", Err(SCHEME)),
            ("Token", Err(NOTHING)),
            ("", Err(NOTHING)),
            ("Tokena.b.c", Err(SCHEME)),
        ] {
            assert_eq!(extract(&source, &[("Authorization", value)]), expected.map(str::to_owned), "{value}");
        }
    }

    #[test]
    fn another_header_holds_the_bare_token() {
        let source = TokenSource::Header { name: "x-token".into() };
        assert_eq!(extract(&source, &[("X-Token", " a.b.c ")]), Ok("a.b.c".into()));
        assert_eq!(
            extract(&source, &[("x-token", "Bearer a.b.c")]),
            Ok("Bearer a.b.c".into()),
            "no prefix is taken off"
        );
        assert_eq!(extract(&source, &[("x-token", "a"), ("x-token", "a")]), Err(SEVERAL));
        assert_eq!(extract(&source, &[("authorization", "Bearer a.b.c")]), Err(NOTHING));
    }

    #[test]
    fn query_names_compare_after_decoding_and_values_decode_once() {
        let source = TokenSource::Query { name: "access_token".into() };
        for (path, expected) in [
            ("/?access_token=a.b.c", Ok("a.b.c")),
            ("/?x=1&access%5Ftoken=a%2eb.c&y=2", Ok("a.b.c")),
            ("/?access_token=a%252eb", Ok("a%2eb")),
            ("/?access_token=a+b", Ok("a+b")),
            ("/?access_token=a%2", Ok("a%2")),
            ("/?access_token=a%zz", Ok("a%zz")),
            ("/?access_token=a=b", Ok("a=b")),
            ("/?access_token=", Err(NOTHING)),
            ("/?access_token", Err(NOTHING)),
            ("/?Access_Token=a", Err(NOTHING)),
            ("/#?access_token=a", Err(NOTHING)),
            ("/", Err(NOTHING)),
            ("/?access_token=a&access_token=b", Err(SEVERAL)),
            ("/?access_token=a&access%5ftoken=b", Err(SEVERAL)),
        ] {
            assert_eq!(extract(&source, &[(":path", path)]), expected.map(str::to_owned), "{path}");
        }
    }
}
