//! Keys, and tokens of the shape that Microsoft Entra ID gives its version 2.

use anyhow::{Context as _, Result, anyhow};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    rand::SystemRandom,
    rsa,
    signature::{self, EcdsaKeyPair, KeyPair as _},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{fmt, ops::Range, thread};

/// The audience that every policy here asks for.
pub(crate) const AUDIENCE: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";

/// The issuer of tokens that name no other.
pub(crate) const ISSUER: &str = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0";

/// How long tokens live: longer than any measurement.
const LIFETIME: u64 = 24 * 60 * 60;

/// The algorithms that are compared: those that `jwt_authn` has as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Algorithm {
    Rs256,
    Es256,
    Ps256,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::Ps256];

    /// The name as it stands in `alg`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::Ps256 => "PS256",
        }
    }

    /// The `kid` of the key for it.
    const fn key_id(self) -> &'static str {
        match self {
            Self::Rs256 => "CNv0OI3RwqlHFEVnaoMAshCH2XE",
            Self::Es256 => "1aPg6uGmO-8L9nB0vXoV3tAyUQ4",
            Self::Ps256 => "kWbkX2C9pQm1JZ7d5HhT0sRfLxU",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What differs from token to token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) issuer: &'a str,
    pub(crate) size: Size,
}

/// How large a token is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Size {
    /// As Entra's: some 1.2 kilobytes.
    Usual,
    /// About so many bytes: few claims, and as many groups as it takes.
    Bytes(usize),
}

impl Shape<'_> {
    /// A token of the usual issuer and size.
    pub(crate) const fn usual(algorithm: Algorithm) -> Self {
        Self { algorithm, issuer: ISSUER, size: Size::Usual }
    }
}

/// The private keys of the identity provider.
pub(crate) struct Keys {
    rsa: rsa::KeyPair,
    p256: EcdsaKeyPair,
    random: SystemRandom,
    now: u64,
}

/// Shows nothing of the keys.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    /// A fixed RSA key of 2048 bits, so that two measurements verify the same, and a new one on P-256.
    pub(crate) fn new(now: u64) -> Result<Self> {
        let pem = include_str!("../../tests/fixtures/certificates/rsa.key.pkcs1.pem");
        let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let rsa = rsa::KeyPair::from_der(&STANDARD.decode(der).context("the RSA key is no PEM")?);
        let random = SystemRandom::new();
        let scheme = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(scheme, &random).map_err(|_| anyhow!("no key on P-256"))?;
        let p256 = EcdsaKeyPair::from_pkcs8(scheme, pkcs8.as_ref(), &random);
        Ok(Self {
            rsa: rsa.map_err(|error| anyhow!("RSA key: {error}"))?,
            p256: p256.map_err(|error| anyhow!("key on P-256: {error}"))?,
            random,
            now,
        })
    }

    /// The public key for an algorithm, as a JWK.
    pub(crate) fn jwk(&self, algorithm: Algorithm) -> Value {
        let mut key = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => {
                let public = rsa::PublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
                json!({ "kty": "RSA", "n": base64url(&public.n), "e": base64url(&public.e) })
            }
            Algorithm::Es256 => {
                // SEC 1: a byte that says "uncompressed", and the two coordinates.
                let point = self.p256.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at_checked(32).unwrap_or_default();
                json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) })
            }
        };
        if let Some(members) = key.as_object_mut() {
            members.insert("kid".to_owned(), json!(algorithm.key_id()));
            members.insert("use".to_owned(), json!("sig"));
            members.insert("alg".to_owned(), json!(algorithm.name()));
        }
        key
    }

    /// The public keys for all algorithms, as a JWK set.
    pub(crate) fn key_set(&self) -> Value {
        json!({ "keys": Algorithm::ALL.map(|algorithm| self.jwk(algorithm)) })
    }

    /// A signed token, which differs in `jti` from that of any other number.
    pub(crate) fn token(&self, shape: Shape<'_>, number: usize) -> Result<String> {
        let header = json!({ "typ": "JWT", "alg": shape.algorithm.name(), "kid": shape.algorithm.key_id() });
        let claims = match shape.size {
            Size::Usual => usual_claims(shape, number, self.now),
            Size::Bytes(bytes) => sized_claims(shape, number, self.now, bytes),
        };
        let message = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.sign(shape.algorithm, message.as_bytes())?;
        Ok(format!("{message}.{}", base64url(&signature)))
    }

    /// A token for each number, signed by two threads.
    pub(crate) fn tokens(&self, shape: Shape<'_>, numbers: Range<usize>) -> Result<Vec<String>> {
        let middle = numbers.start.midpoint(numbers.end);
        thread::scope(|scope| {
            let second = scope.spawn(|| self.sign_all(shape, middle..numbers.end));
            let mut tokens = self.sign_all(shape, numbers.start..middle)?;
            tokens.extend(second.join().map_err(|_| anyhow!("a thread that signs has died"))??);
            Ok(tokens)
        })
    }

    fn sign_all(&self, shape: Shape<'_>, numbers: Range<usize>) -> Result<Vec<String>> {
        numbers.map(|number| self.token(shape, number)).collect()
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>> {
        let padding: &dyn signature::RsaEncoding = match algorithm {
            Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
            Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
            Algorithm::Es256 => {
                let signature = self.p256.sign(&self.random, message);
                return signature
                    .map(|signature| signature.as_ref().to_vec())
                    .map_err(|_| anyhow!("ES256: signing failed"));
            }
        };
        let mut signature = vec![0; self.rsa.public().modulus_len()];
        self.rsa
            .sign(padding, &self.random, message, &mut signature)
            .map_err(|_| anyhow!("{algorithm}: signing failed"))?;
        Ok(signature)
    }
}

fn usual_claims(shape: Shape<'_>, number: usize, now: u64) -> Value {
    json!({
        "aud": AUDIENCE,
        "iss": shape.issuer,
        "iat": now.saturating_sub(60),
        "nbf": now.saturating_sub(60),
        "exp": now.saturating_add(LIFETIME),
        "aio": "AVQAq/8YAAAAK9kUZ3cV0Qp5nJ0tQm1b7yTn8y2Ff1oVgYx4Rr6D3xkW2sPzHcLmEeUuJbNaKiOdTgSw5vX",
        "azp": "a5846c7b-1c1c-4e5b-8a70-3a2e6a5d9d11",
        "azpacr": "1",
        "name": "Abe Lincoln",
        "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
        "preferred_username": "abeli@contoso.com",
        "rh": "1.AXoAERERESIiMzNERFVVVVVVVSsXdG5WvkNIn_Tmajm7EuMBAHx6AA.",
        "roles": ["Api.Access", "Orders.Read"],
        "scp": "orders.read orders.write",
        "sid": "00aa1b2c-6e74-4b5e-8a70-9ff4e66a39bb",
        "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        "tid": "11111111-2222-3333-4444-555555555555",
        "uti": "fqiBqXLPj0eQa82S-IYFAA",
        "ver": "2.0",
        "jti": format!("{number:012}"),
    })
}

/// Those that the policy asks about, and groups. With a header and an ES256 signature the others make some 470 bytes; a group
/// makes 52.
fn sized_claims(shape: Shape<'_>, number: usize, now: u64, bytes: usize) -> Value {
    let groups: Vec<String> = (0..bytes.saturating_sub(470).div_ceil(52))
        .map(|group| format!("{group:08x}-1b2c-4d5e-8f70-9ff4e66a39bb"))
        .collect();
    let mut claims = json!({
        "aud": AUDIENCE,
        "iss": shape.issuer,
        "exp": now.saturating_add(LIFETIME),
        "roles": ["Api.Access"],
        "scp": "orders.read",
        "jti": number,
    });
    if let (false, Some(members)) = (groups.is_empty(), claims.as_object_mut()) {
        members.insert("groups".to_owned(), json!(groups));
    }
    claims
}

/// The same token with one bit of its signature flipped.
pub(crate) fn forged(token: &str) -> Result<String> {
    let (message, signature) = token.rsplit_once('.').context("a token without a signature")?;
    let mut signature = URL_SAFE_NO_PAD.decode(signature)?;
    let byte = signature.get_mut(20).context("a short signature")?;
    *byte ^= 1;
    Ok(format!("{message}.{}", base64url(&signature)))
}

fn encode(value: &Value) -> String {
    base64url(value.to_string().as_bytes())
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn tokens_differ_and_have_the_size_of_entras() {
        let keys = Keys::new(1_800_000_000).unwrap();
        for algorithm in Algorithm::ALL {
            let tokens = keys.tokens(Shape::usual(algorithm), 0..5).unwrap();
            let (distinct, sizes): (BTreeSet<_>, BTreeSet<_>) =
                tokens.iter().map(|token| (token.clone(), token.len())).unzip();
            assert_eq!(distinct.len(), 5);
            assert_eq!(sizes.len(), 1);
            assert!((1000..1700).contains(sizes.first().unwrap()), "{algorithm}: {sizes:?}");
            assert!(keys.jwk(algorithm)["kid"].is_string());
        }
    }

    #[test]
    fn a_token_has_about_the_size_that_was_asked_for() {
        let keys = Keys::new(1_800_000_000).unwrap();
        for bytes in [512, 1024, 2048, 8192, 32_768] {
            let shape = Shape { size: Size::Bytes(bytes), ..Shape::usual(Algorithm::Es256) };
            let size = keys.token(shape, 1).unwrap().len();
            assert!(size.abs_diff(bytes) < bytes / 8, "{bytes}: {size}");
        }
    }

    #[test]
    fn a_forged_token_differs_in_its_signature_alone() {
        let token = "head.claims.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let forged = forged(token).unwrap();
        assert_ne!(forged, token);
        assert!(forged.starts_with("head.claims."));
        assert_eq!(forged.len(), token.len());
    }
}
