//! What was sent, as a lenient reader takes it: what a difference is recognised by. It reads what both filters could read, and
//! verifies nothing.

use super::draft::{Bytes, Part};
use super::json;
use super::world::World;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rsa::pss::Pss;
use rsa::{BigUint, RsaPublicKey};
use serde_json::Value;
use sha2::digest::FixedOutputReset;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// The lengths of salts that are sent.
pub(super) const SALTS: [usize; 7] = [0, 1, 20, 32, 48, 64, 100];

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const PREFIX: &[u8] = b"Bearer ";

/// A request, read.
#[derive(Debug)]
pub(super) struct Reading<'c> {
    pub(super) world: &'c World,
    /// The values of `Authorization`, joined as a proxy does it.
    pub(super) value: Bytes,
    /// What stands before the token: the scheme, and what else there is.
    pub(super) before: Bytes,
    /// The token, with all its dots.
    pub(super) token: Bytes,
    /// What is between the dots, where there is anything.
    parts: Vec<Bytes>,
}

impl<'c> Reading<'c> {
    pub(super) fn of(world: &'c World, sent: &[Bytes]) -> Self {
        let value = sent.join(&b',');
        let value = value.trim_ascii().to_vec();
        let scheme = value.windows(PREFIX.len()).position(|window| window == PREFIX);
        let scheme = match scheme {
            Some(at) => at + PREFIX.len(),
            None => value.iter().position(u8::is_ascii_whitespace).unwrap_or(0),
        };
        let is_of_token = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let start = value[scheme..].iter().position(is_of_token).map_or(value.len(), |at| scheme + at);
        let (before, token) = (value[..start].to_vec(), value[start..].to_vec());
        let parts = token.split(|byte| *byte == b'.').filter(|part| !part.is_empty());
        let parts = parts.map(<[u8]>::to_vec).collect();
        Self { world, value, before, token, parts }
    }

    /// A part as it stands in the token.
    pub(super) fn encoded(&self, part: Part) -> &[u8] {
        self.parts.get(part.index()).map(Vec::as_slice).unwrap_or_default()
    }

    /// A part without its encoding.
    pub(super) fn decoded(&self, part: Part) -> Option<Bytes> {
        let encoded: Bytes =
            self.encoded(part).iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        LENIENT.decode(encoded).ok()
    }

    /// Header or payload as text, when it is text.
    pub(super) fn text(&self, part: Part) -> Option<String> {
        String::from_utf8(self.decoded(part)?).ok()
    }

    /// A member as it is written, the last one if it is there more than once.
    pub(super) fn raw(&self, part: Part, name: &str) -> Option<String> {
        let members = json::members(&self.decoded(part)?)?;
        members.into_iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A member that is a string.
    pub(super) fn string(&self, part: Part, name: &str) -> Option<String> {
        serde_json::from_str(&self.raw(part, name)?).ok()
    }

    /// A claim that is a number.
    pub(super) fn number(&self, claim: &str) -> Option<f64> {
        self.raw(Part::Payload, claim)?.parse().ok()
    }

    /// `alg`.
    pub(super) fn algorithm(&self) -> String {
        self.string(Part::Header, "alg").unwrap_or_default()
    }

    /// `kid`, unless it is empty.
    pub(super) fn key_id(&self) -> Option<String> {
        self.string(Part::Header, "kid").filter(|kid| !kid.is_empty())
    }

    /// `aud`, one or many.
    pub(super) fn audiences(&self) -> Vec<String> {
        let Some(raw) = self.raw(Part::Payload, "aud") else { return Vec::new() };
        let texts = if raw.starts_with('[') { json::elements(&raw) } else { vec![raw.as_str()] };
        texts.into_iter().filter_map(|text| serde_json::from_str(text).ok()).collect()
    }

    /// The keys that may be meant: those that have the token's `kid` or none, or all when the token has none.
    pub(super) fn keys(&self) -> Vec<Value> {
        let kid = self.key_id();
        let is_meant =
            |jwk: &Value| kid.is_none() || jwk["kid"].as_str().is_none_or(|own| Some(own) == kid.as_deref());
        self.world.known().into_iter().filter(is_meant).collect()
    }

    /// Those of them that are of the kind that `alg` names.
    pub(super) fn fitting_keys(&self) -> Vec<Value> {
        let kind = match self.algorithm().get(..2) {
            Some("RS" | "PS") => "RSA",
            Some("ES") => "EC",
            Some("HS") => "oct",
            Some("Ed") => "OKP",
            _ => return Vec::new(),
        };
        self.keys().into_iter().filter(|jwk| jwk["kty"] == kind).collect()
    }

    /// How long the salt of a PSS signature is, of those lengths that are sent, and how long its hash.
    pub(super) fn pss_salt(&self) -> Option<(usize, usize)> {
        match self.algorithm().as_str() {
            "PS256" => self.salt::<Sha256>(),
            "PS384" => self.salt::<Sha384>(),
            "PS512" => self.salt::<Sha512>(),
            _ => None,
        }
    }

    fn salt<D>(&self) -> Option<(usize, usize)>
    where
        D: Digest + FixedOutputReset + Clone + Send + Sync + 'static,
    {
        let signed = [self.encoded(Part::Header), self.encoded(Part::Payload)].join(&b'.');
        let (hash, signature) = (D::digest(signed), self.decoded(Part::Signature)?);
        let keys: Vec<RsaPublicKey> = self.fitting_keys().iter().filter_map(rsa_key).collect();
        let has_made =
            |key: &RsaPublicKey, salt| key.verify(Pss::new_with_salt::<D>(salt), &hash, &signature).is_ok();
        let salt = SALTS.into_iter().find(|salt| keys.iter().any(|key| has_made(key, *salt)))?;
        Some((salt, <D as Digest>::output_size()))
    }

    /// Whether header and payload are objects of RFC 8259.
    pub(super) fn is_json(&self) -> bool {
        let is_object = |part| self.decoded(part).is_some_and(|bytes| json::members(&bytes).is_some());
        is_object(Part::Header) && is_object(Part::Payload)
    }
}

fn rsa_key(jwk: &Value) -> Option<RsaPublicKey> {
    let number = |name: &str| Some(BigUint::from_bytes_be(&LENIENT.decode(jwk[name].as_str()?).ok()?));
    RsaPublicKey::new(number("n")?, number("e")?).ok()
}
