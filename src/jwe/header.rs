//! The JOSE header of a JWE (RFC 7516 §4), read strictly.

use super::{content::ContentEncryption, key::KeyName, key_management::KeyManagement};
use crate::json::{Json, Object};

/// What is used of a header. `jku`, `jwk`, `x5u` and `x5c` are never looked at: a token does not bring its own keys.
pub(super) struct Header {
    pub(super) key_management: KeyManagement,
    pub(super) content_encryption: ContentEncryption,
    /// What the token calls its key, in the order in which that counts.
    pub(super) key_names: Vec<KeyName>,
    pub(super) typ: Option<String>,
    pub(super) cty: Option<String>,
}

impl Header {
    /// Reads a header of known algorithms, without `crit` and `zip`.
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        let members = Json::parse(json).ok()?.into_object()?;
        // `zip`: a few bytes that inflate to gigabytes, and lengths that tell of the content.
        if members.contains_key("crit") || members.contains_key("zip") {
            return None;
        }
        let name = |member, kind: fn(String) -> KeyName| Some(text(&members, member)?.map(kind));
        Some(Self {
            key_management: KeyManagement::from_name(&text(&members, "alg")??)?,
            content_encryption: ContentEncryption::from_name(&text(&members, "enc")??)?,
            key_names: [
                name("kid", KeyName::KeyId)?,
                name("x5t#S256", KeyName::ThumbprintS256)?,
                name("x5t", KeyName::Thumbprint)?,
            ]
            .into_iter()
            .flatten()
            .collect(),
            typ: text(&members, "typ")?,
            cty: text(&members, "cty")?,
        })
    }
}

/// The text of a member, `Some(None)` when there is none; `None` when it is no string.
#[expect(clippy::option_option, reason = "one refusal, whatever it is for: there is no error to name")]
fn text(members: &Object<'_>, member: &str) -> Option<Option<String>> {
    members.get(member).map_or(Some(None), |value| Some(Some(value.as_str()?.to_owned())))
}
