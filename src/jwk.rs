//! JWK sets (RFC 7517): the keys of a set that can verify signatures, and why the others cannot.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::{
    algorithm::Algorithm,
    issuer::Issuer,
    json::{Json, JsonError, Object},
    signature::{Curve, KeyFault, PublicKey, VerifyingKey},
};

/// A set with more keys than this is refused; the largest known provider publishes some ten.
pub const MAX_KEYS: usize = 256;

/// One usable key of a set.
#[derive(Clone, Debug)]
pub struct Jwk {
    /// `kid` (RFC 7517 §4.5); an empty one counts as absent.
    pub key_id: Option<String>,
    /// `x5t` (RFC 7517 §4.8).
    pub thumbprint: Option<String>,
    /// `alg` (RFC 7517 §4.4): the only algorithm that the key serves. Entra publishes none.
    pub algorithm: Option<Algorithm>,
    /// Entra's `issuer`: whose tokens the key signs.
    pub issuer: Option<Issuer>,
    /// The key.
    pub key: VerifyingKey,
}

impl Jwk {
    /// Reads a public key; fails when it cannot verify signatures that the filter knows.
    pub fn parse(members: &Object<'_>) -> Result<Self, JwkError> {
        if text(members, "use")?.is_some_and(|usage| usage != "sig") {
            return Err(JwkError::NotForSignatures);
        }
        if let Some(operations) = members.get("key_ops") {
            let Json::Array(operations) = operations else {
                return Err(JwkError::MemberType("key_ops"));
            };
            if !operations.iter().any(|operation| operation.as_str() == Some("verify")) {
                return Err(JwkError::NotForSignatures);
            }
        }
        let key = parse_key(members)?;
        let algorithm = match text(members, "alg")? {
            Some(name) => Some(Algorithm::from_name(name).ok_or(JwkError::Algorithm)?),
            None => None,
        };
        if algorithm.is_some_and(|algorithm| !key.serves(algorithm)) {
            return Err(JwkError::Algorithm);
        }
        let owned = |member| -> Result<Option<String>, JwkError> {
            Ok(text(members, member)?.filter(|text| !text.is_empty()).map(str::to_owned))
        };
        Ok(Self {
            key_id: owned("kid")?,
            thumbprint: owned("x5t")?,
            algorithm,
            issuer: owned("issuer")?.map(Issuer::new),
            key: VerifyingKey::Public(key),
        })
    }

    /// Whether signatures of `algorithm` may be verified with this key.
    pub fn serves(&self, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|own| own == algorithm) && self.key.serves(algorithm)
    }
}

fn parse_key(members: &Object<'_>) -> Result<PublicKey, JwkError> {
    let bytes = |member| {
        let text = text(members, member)?.ok_or(JwkError::MemberType(member))?;
        URL_SAFE_NO_PAD.decode(text).map_err(|_| JwkError::MemberType(member))
    };
    let curve = text(members, "crv")?;
    match (text(members, "kty")?, curve) {
        (Some("RSA"), _) => Ok(PublicKey::rsa(&bytes("n")?, &bytes("e")?)?),
        (Some("EC"), Some("P-256")) => Ok(PublicKey::ec(Curve::P256, &bytes("x")?, &bytes("y")?)?),
        (Some("EC"), Some("P-384")) => Ok(PublicKey::ec(Curve::P384, &bytes("x")?, &bytes("y")?)?),
        (Some("EC"), Some("P-521")) => Ok(PublicKey::ec(Curve::P521, &bytes("x")?, &bytes("y")?)?),
        (Some("OKP"), Some("Ed25519")) => Ok(PublicKey::ed25519(&bytes("x")?)?),
        // `oct` included: a shared secret that is published is none (RFC 8725 §2.1, algorithm confusion).
        _ => Err(JwkError::Kind),
    }
}

fn text<'m>(members: &'m Object<'_>, member: &'static str) -> Result<Option<&'m str>, JwkError> {
    members.get(member).map(|value| value.as_str().ok_or(JwkError::MemberType(member))).transpose()
}

/// Why one key of a set is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwkError {
    /// `use` is not `sig`, or `key_ops` lacks `verify`.
    NotForSignatures,
    /// `kty` and `crv` of no key that verifies a known algorithm.
    Kind,
    /// `alg` is unknown, or not for this kind of key.
    Algorithm,
    /// A member is absent, or not what it has to be.
    MemberType(&'static str),
    /// The key itself is unusable.
    Key(KeyFault),
    /// The element is not a JSON object.
    NotAnObject,
}

impl From<KeyFault> for JwkError {
    fn from(fault: KeyFault) -> Self {
        Self::Key(fault)
    }
}

impl fmt::Display for JwkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotForSignatures => write!(f, "not for verifying signatures (`use`, `key_ops`)"),
            Self::Kind => {
                write!(f, "neither RSA, nor EC on P-256, P-384 or P-521, nor OKP with Ed25519 (`kty`, `crv`)")
            }
            Self::Algorithm => write!(f, "`alg` is unknown or does not fit the key"),
            Self::MemberType(member) => write!(f, "`{member}` is absent or malformed"),
            Self::Key(fault) => write!(f, "{fault}"),
            Self::NotAnObject => write!(f, "not a JSON object"),
        }
    }
}

impl std::error::Error for JwkError {}

/// The usable keys of a JWK set (RFC 7517 §5).
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Jwk>,
    /// The positions of the keys that have a `kid`, in the order of those.
    by_key_id: Vec<usize>,
    skipped: Vec<(usize, JwkError)>,
    digest: [u8; 32],
}

impl KeySet {
    /// Parses the document. A key that cannot be used is skipped and never spoils the others; a set without any is an error.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        let mut members = Json::parse(document)
            .map_err(KeySetError::Json)?
            .into_object()
            .ok_or(KeySetError::NoKeysMember)?;
        let Some(Json::Array(elements)) = members.remove("keys") else {
            return Err(KeySetError::NoKeysMember);
        };
        if elements.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        let digest = Sha256::digest(document).into();
        let (keys, by_key_id, skipped) = (Vec::new(), Vec::new(), Vec::new());
        let mut set = Self { keys, by_key_id, skipped, digest };
        for (index, element) in elements.into_iter().enumerate() {
            let key =
                element.into_object().ok_or(JwkError::NotAnObject).and_then(|members| Jwk::parse(&members));
            match key {
                Ok(key) => set.keys.push(key),
                Err(error) => set.skipped.push((index, error)),
            }
        }
        if set.keys.is_empty() {
            return Err(KeySetError::NoUsableKey { skipped: set.skipped });
        }
        // Put in their places one by one: `sort` is six kilobytes of code.
        for (position, key) in set.keys.iter().enumerate().filter(|(_, key)| key.key_id.is_some()) {
            let key_id = |position: &usize| set.keys.get(*position).map(|key| &key.key_id);
            let place = set.by_key_id.partition_point(|other| key_id(other) <= Some(&key.key_id));
            set.by_key_id.insert(place, position);
        }
        Ok(set)
    }

    /// The keys with this `kid`, in the order of the document; however many others there are, it takes no longer to find them.
    pub fn named(&self, key_id: &str) -> impl Iterator<Item = &Jwk> {
        let key = |position: &usize| self.keys.get(*position);
        let name = move |position: &usize| key(position).and_then(|key| key.key_id.as_deref());
        let start = self.by_key_id.partition_point(|position| name(position) < Some(key_id));
        let from = self.by_key_id.get(start..).unwrap_or_default();
        from.iter().take_while(move |position| name(position) == Some(key_id)).filter_map(key)
    }

    /// Whether both were parsed from the same bytes.
    pub fn is_same_set(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// The usable keys, in the order of the document.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// The positions of the keys that were left out, and why.
    pub fn skipped(&self) -> &[(usize, JwkError)] {
        &self.skipped
    }
}

/// Why a document is not a usable JWK set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySetError {
    /// Not strict JSON.
    Json(JsonError),
    /// Not an object with a list `keys`.
    NoKeysMember,
    /// More than [`MAX_KEYS`].
    TooManyKeys,
    /// No key can be used.
    NoUsableKey {
        /// Why, key by key.
        skipped: Vec<(usize, JwkError)>,
    },
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "key set is {error}"),
            Self::NoKeysMember => write!(f, "key set has no list `keys`"),
            Self::TooManyKeys => write!(f, "key set has more than {MAX_KEYS} keys"),
            Self::NoUsableKey { skipped } => {
                write!(f, "key set has no usable key")?;
                match skipped.first() {
                    Some((index, error)) => write!(f, " (of {}; keys[{index}]: {error})", skipped.len()),
                    None => write!(f, " (it is empty)"),
                }
            }
        }
    }
}

impl std::error::Error for KeySetError {}

#[cfg(test)]
mod tests;
