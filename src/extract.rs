//! Finding the token in a request (APIM `header-name`, `query-parameter-name`, `token-value`, `require-scheme`).

mod removal;

use std::borrow::Cow;

pub use removal::remove_tokens;

use crate::{
    percent,
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
    /// A cookie, which holds the bare token.
    Cookie {
        /// Its name, exact.
        name: String,
    },
    /// A property of the proxy, which holds the bare token.
    Property {
        /// Its path.
        path: Vec<String>,
    },
}

impl TokenSource {
    /// The header that holds the token, alone or among other things, in lower case; `None` where it is in none.
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::Authorization { .. } => Some("authorization"),
            Self::Header { name } => Some(name),
            Self::Cookie { .. } => Some("cookie"),
            Self::Query { .. } | Self::Property { .. } => None,
        }
    }

    /// The token's text.
    ///
    /// Fails when the place is in the request more than once; with [`Absence::Nothing`] when it is absent or blank, and
    /// with another [`Absence`] when something stands there that is no token.
    pub fn extract<'h>(&self, head: RequestHead<'h>) -> Result<Cow<'h, [u8]>, Rejection> {
        let token = self.locate(head)?;
        self.check_is_one(&token)?;
        Ok(token)
    }

    /// The same text, of which nothing was looked at yet: it may be several tokens ([`Self::check_is_one`]).
    pub fn locate<'h>(&self, head: RequestHead<'h>) -> Result<Cow<'h, [u8]>, Rejection> {
        let token = match self {
            Self::Authorization { require_scheme } => {
                let value = only(head.values("authorization").map(trim))?;
                let token = without_scheme(value, require_scheme.as_deref());
                Cow::Borrowed(token.map_err(|missing| self.check_is_one(value).err().unwrap_or(missing))?)
            }
            Self::Header { name } => Cow::Borrowed(only(head.values(name).map(trim))?),
            Self::Query { name } => only(parameters(head.query(), name.as_bytes()))?,
            Self::Cookie { name } => Cow::Borrowed(only(cookies(head, name.as_bytes()))?),
            Self::Property { path } => {
                let value = head.property(path).ok_or(Rejection::NotPresent(Absence::Nothing))?;
                Cow::Owned(trim(&value).to_vec())
            }
        };
        if token.is_empty() { Err(Rejection::NotPresent(Absence::Nothing)) } else { Ok(token) }
    }

    /// Fails when the text is a list. A proxy joins two `Authorization` headers into one (RFC 9110 §5.3); neither scheme nor token
    /// has a comma.
    pub fn check_is_one(&self, text: &[u8]) -> Result<(), Rejection> {
        match self {
            Self::Authorization { .. } if text.contains(&b',') => Err(Malformed::SeveralTokens.into()),
            Self::Authorization { .. }
            | Self::Header { .. }
            | Self::Query { .. }
            | Self::Cookie { .. }
            | Self::Property { .. } => Ok(()),
        }
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

/// What follows the scheme (RFC 9110 §11.4: scheme, case-insensitive, then white space); of a blank value, nothing.
fn without_scheme<'h>(value: &'h [u8], required: Option<&str>) -> Result<&'h [u8], Rejection> {
    if value.is_empty() {
        return Ok(value);
    }
    let end = value.iter().position(|byte| is_blank(*byte)).unwrap_or(value.len());
    let (first, rest) = value.split_at_checked(end).unwrap_or((value, &[]));
    let rest = trim(rest);
    let has_scheme = first.eq_ignore_ascii_case(required.unwrap_or("bearer").as_bytes());
    match (has_scheme, rest.is_empty()) {
        (true, false) => Ok(rest),
        (true, true) => Err(Rejection::NotPresent(Absence::Empty)),
        (false, true) if required.is_none() => Ok(first),
        (false, _) => Err(Rejection::NotPresent(Absence::Scheme)),
    }
}

/// The values, decoded, of the parameters of a query whose decoded name is `name`.
fn parameters<'h>(query: Option<&'h [u8]>, name: &[u8]) -> impl Iterator<Item = Cow<'h, [u8]>> {
    query
        .into_iter()
        .flat_map(pieces::<b'&'>)
        .map(name_and_value)
        .filter(move |(known, _)| *percent::decode(known) == *name)
        .map(|(_, value)| percent::decode(value))
}

/// The values of the cookies with this name, of all `Cookie` headers: HTTP/1 may send them apart (RFC 6265 §5.4 sends one).
fn cookies<'h>(head: RequestHead<'h>, name: &[u8]) -> impl Iterator<Item = &'h [u8]> {
    head.values("cookie")
        .flat_map(pieces::<b';'>)
        .map(name_and_value)
        .filter(move |(known, _)| trim(known) == name)
        .map(|(_, value)| trim(value))
}

/// The pieces of a text between marks.
fn pieces<const MARK: u8>(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == MARK)
}

/// What stands before and after the first `=`; without one, all of it is the name.
fn name_and_value(pair: &[u8]) -> (&[u8], &[u8]) {
    let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
    let (name, rest) = pair.split_at_checked(equals).unwrap_or((pair, &[]));
    (name, rest.get(1..).unwrap_or_default())
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
mod tests;
