//! Keys that sign tokens: what an identity provider holds and the filter never does.
//!
//! The local issuer and the tests take their tokens from here. A header is written as the caller gives it, so that a
//! test can claim another algorithm or another key than the one that signs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use rand_core::{OsRng, RngCore as _};
use rsa::RsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _, Signer as _};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Map, Value, json};
use sha2::{Sha256, Sha384, Sha512};
use std::fmt;

/// Size of the RSA keys that [`SigningKey::generate`] makes.
pub const RSA_BITS: usize = 2048;

/// A JWS signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519.
    EdDsa,
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

/// The kinds of key; algorithms of one kind can share a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
    Symmetric,
}

impl Algorithm {
    /// Every algorithm, in the order of their names in RFC 7518.
    pub const ALL: [Self; 13] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
    ];

    /// The name as it stands in `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => Kind::Rsa,
            Self::Es256 => Kind::P256,
            Self::Es384 => Kind::P384,
            Self::Es512 => Kind::P521,
            Self::EdDsa => Kind::Ed25519,
            Self::Hs256 | Self::Hs384 | Self::Hs512 => Kind::Symmetric,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a key could not be made or could not sign.
#[derive(Debug)]
pub enum SigningError {
    /// The key does not fit the algorithm.
    WrongKey {
        /// The algorithm that was asked for.
        algorithm: Algorithm,
    },
    /// The header or the claims are not a JSON object.
    NotAnObject {
        /// Which of the two.
        part: &'static str,
    },
    /// The RSA implementation refused: most often a key too small for the digest.
    Rsa(rsa::Error),
    /// The signature implementation refused.
    Signature(rsa::signature::Error),
    /// A header or claims object that JSON cannot express.
    Json(serde_json::Error),
}

impl fmt::Display for SigningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongKey { algorithm } => write!(f, "this kind of key cannot be used with {algorithm}"),
            Self::NotAnObject { part } => write!(f, "{part}: a JSON object is needed"),
            Self::Rsa(error) => write!(f, "RSA: {error}"),
            Self::Signature(error) => write!(f, "signing failed: {error}"),
            Self::Json(error) => write!(f, "cannot be written as JSON: {error}"),
        }
    }
}

impl std::error::Error for SigningError {}

impl From<rsa::Error> for SigningError {
    fn from(error: rsa::Error) -> Self {
        Self::Rsa(error)
    }
}

impl From<rsa::signature::Error> for SigningError {
    fn from(error: rsa::signature::Error) -> Self {
        Self::Signature(error)
    }
}

impl From<serde_json::Error> for SigningError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

#[derive(Clone)]
enum Secret {
    Rsa(Box<RsaPrivateKey>),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
    Ed25519(ed25519_compact::KeyPair),
    Symmetric(Vec<u8>),
}

/// A private (or symmetric) key, the algorithm it signs with, and its key id.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    kid: Option<String>,
    secret: Secret,
}

/// Shows which key it is, never the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A new random key with a random `kid`; RSA keys have [`RSA_BITS`] bits.
    pub fn generate(algorithm: Algorithm) -> Result<Self, SigningError> {
        Self::generate_with_rsa_bits(algorithm, RSA_BITS)
    }

    /// As [`generate`](Self::generate), with another size of RSA keys; other kinds of key ignore the size.
    pub fn generate_with_rsa_bits(algorithm: Algorithm, rsa_bits: usize) -> Result<Self, SigningError> {
        let secret = match algorithm.kind() {
            Kind::Rsa => Secret::Rsa(Box::new(RsaPrivateKey::new(&mut OsRng, rsa_bits)?)),
            Kind::P256 => Secret::P256(p256::ecdsa::SigningKey::random(&mut OsRng)),
            Kind::P384 => Secret::P384(p384::ecdsa::SigningKey::random(&mut OsRng)),
            Kind::P521 => Secret::P521(p521::ecdsa::SigningKey::random(&mut OsRng)),
            Kind::Ed25519 => {
                let seed = ed25519_compact::Seed::new(random_bytes());
                Secret::Ed25519(ed25519_compact::KeyPair::from_seed(seed))
            }
            // 64 bytes serve each of the three digests.
            Kind::Symmetric => Secret::Symmetric(random_bytes::<64>().to_vec()),
        };
        Ok(Self { algorithm, kid: Some(random_kid()), secret })
    }

    /// A symmetric key from its bytes, with a random `kid`.
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, SigningError> {
        if algorithm.kind() != Kind::Symmetric {
            return Err(SigningError::WrongKey { algorithm });
        }
        Ok(Self { algorithm, kid: Some(random_kid()), secret: Secret::Symmetric(secret.to_vec()) })
    }

    /// An RSA key from PKCS #8 in PEM, for RS256, with a random `kid`.
    pub fn from_rsa_pem(pem: &str) -> Result<Self, SigningError> {
        let key = RsaPrivateKey::from_pkcs8_pem(pem).map_err(|error| SigningError::Rsa(error.into()))?;
        Ok(Self { algorithm: Algorithm::Rs256, kid: Some(random_kid()), secret: Secret::Rsa(Box::new(key)) })
    }

    /// The same key under another `kid`.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// The same key without a `kid`, in its JWK as in the headers of its tokens.
    #[must_use]
    pub fn without_kid(mut self) -> Self {
        self.kid = None;
        self
    }

    /// The same key and `kid` for another algorithm, such as an RSA key for PS256 that was made for RS256.
    pub fn with_algorithm(mut self, algorithm: Algorithm) -> Result<Self, SigningError> {
        if self.algorithm.kind() != algorithm.kind() {
            return Err(SigningError::WrongKey { algorithm });
        }
        self.algorithm = algorithm;
        Ok(self)
    }

    /// The algorithm this key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key id.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The bytes of a symmetric key.
    pub fn secret(&self) -> Option<&[u8]> {
        match &self.secret {
            Secret::Symmetric(bytes) => Some(bytes),
            Secret::Rsa(_) | Secret::P256(_) | Secret::P384(_) | Secret::P521(_) | Secret::Ed25519(_) => None,
        }
    }

    /// Modulus and exponent of an RSA key, base64url, as `n` and `e` of a JWK.
    pub fn rsa_n_e(&self) -> Option<(String, String)> {
        let Secret::Rsa(key) = &self.secret else { return None };
        Some((base64url(&key.n().to_bytes_be()), base64url(&key.e().to_bytes_be())))
    }

    /// The public key as a JWK with `kid`, `use` and `alg`; edit the value for providers that write other members.
    ///
    /// A symmetric key has no public half, so that its JWK has no `k`.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.secret {
            Secret::Rsa(key) => {
                json!({ "kty": "RSA", "n": base64url(&key.n().to_bytes_be()), "e": base64url(&key.e().to_bytes_be()) })
            }
            Secret::P256(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                ec_jwk("P-256", point.x().map(AsRef::as_ref), point.y().map(AsRef::as_ref))
            }
            Secret::P384(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                ec_jwk("P-384", point.x().map(AsRef::as_ref), point.y().map(AsRef::as_ref))
            }
            Secret::P521(key) => {
                let point = p521::ecdsa::VerifyingKey::from(key).to_encoded_point(false);
                ec_jwk("P-521", point.x().map(AsRef::as_ref), point.y().map(AsRef::as_ref))
            }
            Secret::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.pk.as_ref()) })
            }
            Secret::Symmetric(_) => json!({ "kty": "oct" }),
        };
        if let Some(members) = jwk.as_object_mut() {
            if let Some(kid) = &self.kid {
                members.insert("kid".to_owned(), json!(kid));
            }
            members.insert("use".to_owned(), json!("sig"));
            members.insert("alg".to_owned(), json!(self.algorithm.name()));
        }
        jwk
    }

    /// A compact JWS. The header gets `alg` and `kid` only where it has no such member (`null` is a member).
    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String, SigningError> {
        let mut header = object(header, "header")?.clone();
        header.entry("alg").or_insert_with(|| json!(self.algorithm.name()));
        if let Some(kid) = &self.kid {
            header.entry("kid").or_insert_with(|| json!(kid));
        }
        let claims = object(claims, "claims")?;
        self.sign_raw(&serde_json::to_vec(&header)?, &serde_json::to_vec(claims)?)
    }

    /// A compact JWS over header and payload as they are, JSON or not.
    pub fn sign_raw(&self, header: &[u8], payload: &[u8]) -> Result<String, SigningError> {
        let mut token = base64url(header);
        token.push('.');
        token.push_str(&base64url(payload));
        let signature = self.signature(token.as_bytes())?;
        token.push('.');
        token.push_str(&base64url(&signature));
        Ok(token)
    }

    /// The signature alone, in the form of a JWS: for ECDSA, `r` and `s` side by side.
    pub fn signature(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let signature = match &self.secret {
            Secret::Rsa(key) => return rsa_signature(self.algorithm, key, message),
            Secret::Symmetric(secret) => return hmac(self.algorithm, secret, message),
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature = key.try_sign(message)?;
                signature.to_vec()
            }
            Secret::P384(key) => {
                let signature: p384::ecdsa::Signature = key.try_sign(message)?;
                signature.to_vec()
            }
            Secret::P521(key) => {
                let signature: p521::ecdsa::Signature = key.try_sign(message)?;
                signature.to_vec()
            }
            Secret::Ed25519(pair) => pair.sk.sign(message, None).to_vec(),
        };
        Ok(signature)
    }
}

fn rsa_signature(algorithm: Algorithm, key: &RsaPrivateKey, message: &[u8]) -> Result<Vec<u8>, SigningError> {
    use rsa::{pkcs1v15, pss};
    let key = key.clone();
    Ok(match algorithm {
        Algorithm::Rs256 => pkcs1v15::SigningKey::<Sha256>::new(key).try_sign(message)?.to_vec(),
        Algorithm::Rs384 => pkcs1v15::SigningKey::<Sha384>::new(key).try_sign(message)?.to_vec(),
        Algorithm::Rs512 => pkcs1v15::SigningKey::<Sha512>::new(key).try_sign(message)?.to_vec(),
        // RFC 7518 asks for a salt as long as the digest, which is what `new` takes.
        Algorithm::Ps256 => {
            pss::SigningKey::<Sha256>::new(key).try_sign_with_rng(&mut OsRng, message)?.to_vec()
        }
        Algorithm::Ps384 => {
            pss::SigningKey::<Sha384>::new(key).try_sign_with_rng(&mut OsRng, message)?.to_vec()
        }
        Algorithm::Ps512 => {
            pss::SigningKey::<Sha512>::new(key).try_sign_with_rng(&mut OsRng, message)?.to_vec()
        }
        Algorithm::Es256
        | Algorithm::Es384
        | Algorithm::Es512
        | Algorithm::EdDsa
        | Algorithm::Hs256
        | Algorithm::Hs384
        | Algorithm::Hs512 => return Err(SigningError::WrongKey { algorithm }),
    })
}

fn hmac(algorithm: Algorithm, secret: &[u8], message: &[u8]) -> Result<Vec<u8>, SigningError> {
    macro_rules! mac {
        ($digest:ty) => {{
            let mut mac = Hmac::<$digest>::new_from_slice(secret)
                .map_err(|_invalid_length| SigningError::WrongKey { algorithm })?;
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }};
    }
    Ok(match algorithm {
        Algorithm::Hs256 => mac!(Sha256),
        Algorithm::Hs384 => mac!(Sha384),
        Algorithm::Hs512 => mac!(Sha512),
        Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::Es256
        | Algorithm::Es384
        | Algorithm::Es512
        | Algorithm::EdDsa => return Err(SigningError::WrongKey { algorithm }),
    })
}

fn ec_jwk(curve: &str, x: Option<&[u8]>, y: Option<&[u8]>) -> Value {
    // Uncompressed points of a public key have both coordinates; the identity is no public key.
    json!({
        "kty": "EC",
        "crv": curve,
        "x": base64url(x.unwrap_or_default()),
        "y": base64url(y.unwrap_or_default()),
    })
}

fn object<'a>(value: &'a Value, part: &'static str) -> Result<&'a Map<String, Value>, SigningError> {
    value.as_object().ok_or(SigningError::NotAnObject { part })
}

/// Base64url without padding, the alphabet of JOSE.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// 20 random bytes in base64url: the look of a certificate thumbprint, which is what Entra uses as `kid`.
pub fn random_kid() -> String {
    base64url(&random_bytes::<20>())
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}
