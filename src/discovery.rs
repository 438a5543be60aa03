//! The OpenID provider configuration (OpenID Connect Discovery 1.0 §3): the two members that the filter needs.

use std::fmt;

use crate::{
    issuer::Issuer,
    json::{Json, JsonError},
    url::{Url, UrlError},
};

/// What an OpenID provider says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// `issuer`: the `iss` of its tokens.
    pub issuer: Issuer,
    /// `jwks_uri`: where its keys are.
    pub jwks_uri: Url,
}

/// Why a document is not an OpenID provider configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoveryError {
    /// Not strict JSON.
    Json(JsonError),
    /// JSON, but not an object.
    NotAnObject,
    /// `issuer` is absent, empty or not a string.
    Issuer,
    /// `jwks_uri` is absent or not a string.
    NoJwksUri,
    /// `jwks_uri` is not a URL.
    JwksUri(UrlError),
}

impl Discovery {
    /// Parses the document.
    pub fn parse(document: &[u8]) -> Result<Self, DiscoveryError> {
        let members = Json::parse(document)
            .map_err(DiscoveryError::Json)?
            .into_object()
            .ok_or(DiscoveryError::NotAnObject)?;
        let text = |member| members.get(member).and_then(Json::as_str).filter(|text| !text.is_empty());
        let issuer = Issuer::new(text("issuer").ok_or(DiscoveryError::Issuer)?);
        let jwks_uri = Url::parse(text("jwks_uri").ok_or(DiscoveryError::NoJwksUri)?)
            .map_err(DiscoveryError::JwksUri)?;
        Ok(Self { issuer, jwks_uri })
    }
}

impl fmt::Display for DiscoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "discovery document is {error}"),
            Self::NotAnObject => write!(f, "discovery document is not a JSON object"),
            Self::Issuer => write!(f, "discovery document has no `issuer`"),
            Self::NoJwksUri => write!(f, "discovery document has no `jwks_uri`"),
            Self::JwksUri(error) => write!(f, "`jwks_uri` {error}"),
        }
    }
}

impl std::error::Error for DiscoveryError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_members_are_needed() {
        let parsed =
            Discovery::parse(br#"{"issuer":"https://a/{tenantid}","jwks_uri":"https://a/keys","x":[1]}"#)
                .unwrap();
        assert_eq!(parsed.issuer.as_str(), "https://a/{tenantid}");
        assert_eq!(parsed.jwks_uri.to_string(), "https://a/keys");

        let syntax = |line, column| DiscoveryError::Json(JsonError::Syntax { line, column });
        let cases: &[(&[u8], DiscoveryError)] = &[
            (b"<html>", syntax(1, 1)),
            (b"", syntax(1, 0)),
            (b"[]", DiscoveryError::NotAnObject),
            (br#"{"jwks_uri":"https://a/keys"}"#, DiscoveryError::Issuer),
            (br#"{"issuer":"","jwks_uri":"https://a/keys"}"#, DiscoveryError::Issuer),
            (br#"{"issuer":1,"jwks_uri":"https://a/keys"}"#, DiscoveryError::Issuer),
            (br#"{"issuer":"a"}"#, DiscoveryError::NoJwksUri),
            (br#"{"issuer":"a","jwks_uri":"/keys"}"#, DiscoveryError::JwksUri(UrlError::Scheme)),
            (
                br#"{"issuer":"a","issuer":"b","jwks_uri":"https://a/keys"}"#,
                DiscoveryError::Json(JsonError::DuplicateMember { path: "issuer".into() }),
            ),
        ];
        for (document, expected) in cases {
            assert_eq!(
                Discovery::parse(document).as_ref(),
                Err(expected),
                "{}",
                String::from_utf8_lossy(document)
            );
        }
    }
}
