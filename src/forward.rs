//! What the backend learns of a token (`forward`), and that nobody else can tell it so.

use std::cmp::Ordering;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{json::Json, ordered::ordered, token::VerifiedToken};

/// The longest value that is written to a header; a longer one leaves the header out. Envoy's own limit on all headers of a
/// request is 60 KiB by default, and most backends' is less.
pub const MAX_FORWARDED_BYTES: usize = 16_384;

/// `forward` of a policy's `options`; the default forwards nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forward {
    /// `claims-to-headers`.
    pub claims: Vec<ClaimHeader>,
    /// `payload-header`, in lower case: gets the payload as it stands in the token, in base64url.
    pub payload_header: Option<String>,
    /// `remove-token`: whether the token is taken out of the request.
    pub remove_token: bool,
}

/// One of `claims-to-headers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimHeader {
    /// The claim's name, literal.
    pub claim: String,
    /// The header's name, in lower case.
    pub header: String,
    /// How the claim is written.
    pub format: ClaimFormat,
}

/// How a claim is written to a header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClaimFormat {
    /// As it is: a string, a number's digits, `true` or `false`; the elements of an array with `,` between them.
    #[default]
    Text,
    /// As compact JSON in printable ASCII.
    Json,
    /// In base64url without padding: of an array or object the JSON, of anything else the text.
    Base64Url,
}

impl Forward {
    /// The headers that a token's claims make, names and values.
    ///
    /// A header is left out when its claim is absent or `null`, cannot be written in its format without being taken for another
    /// value, or is longer than [`MAX_FORWARDED_BYTES`].
    pub fn headers(&self, token: VerifiedToken<'_>) -> Vec<(&str, Vec<u8>)> {
        let claims = self.claims.iter().filter_map(|ClaimHeader { claim, header, format }| {
            let value = format.write(token.claims().get(claim)?)?;
            Some((header.as_str(), value.into_bytes()))
        });
        let payload = self.payload_header.as_deref().map(|header| (header, token.encoded_payload().to_vec()));
        claims.chain(payload).filter(|(_, value)| value.len() <= MAX_FORWARDED_BYTES).collect()
    }

    /// The names of all headers that may be written.
    pub fn header_names(&self) -> impl Iterator<Item = &str> {
        self.claims.iter().map(|claim| &claim.header).chain(&self.payload_header).map(String::as_str)
    }
}

impl ClaimFormat {
    /// The value of a header for a claim; `None` when there is none.
    fn write(self, claim: &Json<'_>) -> Option<String> {
        if *claim == Json::Null {
            return None;
        }
        match (self, claim) {
            (Self::Text, Json::Array(elements)) => join(elements),
            (Self::Text, _) => scalar(claim).filter(|text| survives(text)).map(str::to_owned),
            (Self::Json, _) => Some(claim.to_ascii()),
            (Self::Base64Url, _) => {
                let text = scalar(claim).map_or_else(|| claim.to_ascii(), str::to_owned);
                Some(URL_SAFE_NO_PAD.encode(text))
            }
        }
    }
}

/// The text of a string, number or boolean.
fn scalar<'c>(claim: &'c Json<'_>) -> Option<&'c str> {
    match claim {
        Json::Bool(true) => Some("true"),
        Json::Bool(false) => Some("false"),
        Json::Number(digits) => Some(digits),
        Json::String(text) => Some(text),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// The elements of an array with `,` between them; `None` when there are none, or one could be taken for something else.
fn join(elements: &[Json<'_>]) -> Option<String> {
    let texts: Option<Vec<_>> = elements
        .iter()
        .map(|element| scalar(element).filter(|text| survives(text) && !text.contains(',')))
        .collect();
    texts.filter(|texts| !texts.is_empty()).map(|texts| texts.join(","))
}

/// Whether a text is the same after it was a header's value: no control characters, and no blanks at its ends, which are no part
/// of a value (RFC 9110 §5.5) and for which HTTP/2 refuses the request (RFC 9113 §8.2.1).
fn survives(text: &str) -> bool {
    !text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) && !text.starts_with(' ') && !text.ends_with(' ')
}

/// The headers that no client may send, since a backend believes that the filter wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strip {
    /// As they are spelled for comparing, in order.
    names: Vec<Vec<u8>>,
}

impl Strip {
    /// Of all names that a configuration could ever write, in every policy of it.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self { names: ordered(names.into_iter().map(|name| comparable(name.as_bytes()).collect())) }
    }

    /// Whether it names no header.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether a header with this name is to be removed from a request: case does not count, nor does the mark between two words.
    ///
    /// A pseudo-header is none, whatever it looks like (RFC 9113 §8.3): without it there is no request.
    pub fn is_stripped(&self, name: &[u8]) -> bool {
        !name.starts_with(b":")
            && self.names.binary_search_by(|known| known.iter().copied().cmp(comparable(name))).is_ok()
    }
}

/// Whether a backend may take one of these names for the other.
pub fn is_same_header(one: &str, other: &str) -> bool {
    comparable(one.as_bytes()).cmp(comparable(other.as_bytes())) == Ordering::Equal
}

/// A name as backends may see it that get headers as variables (RFC 3875 §4.1.18): those know neither case nor `-`, and write `_`,
/// some for every mark.
fn comparable(name: &[u8]) -> impl Iterator<Item = u8> {
    name.iter().map(|byte| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' })
}

#[cfg(test)]
mod tests;
