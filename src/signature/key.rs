//! Keys that verify, checked once when they are made, so that verification meets no bad key.

use std::fmt;

use p256::pkcs8::EncodePublicKey;
use rsa::{
    pkcs1::{self, UintRef},
    pkcs8::{
        der::{self, Encode, asn1::BitStringRef},
        spki::SubjectPublicKeyInfoRef,
    },
};

use super::{host, rsa_key::RsaKey};
use crate::algorithm::Algorithm;

/// The smallest RSA modulus in bits (RFC 7518 §3.3).
pub const MIN_RSA_BITS: usize = 2048;

/// The largest RSA modulus in bits: verification time grows with its square.
pub const MAX_RSA_BITS: usize = 8192;

/// The largest RSA exponent: 33 bits, and verification time grows with their number.
pub const MAX_RSA_EXPONENT: u64 = 8_589_934_591;

/// The smallest HMAC key in bytes: the size of HS256's hash (RFC 7518 §3.2).
pub const MIN_HMAC_BYTES: usize = 32;

/// Why bytes are not a usable key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// An RSA modulus under [`MIN_RSA_BITS`].
    RsaTooSmall {
        /// The size of the modulus.
        bits: usize,
    },
    /// An RSA modulus over [`MAX_RSA_BITS`].
    RsaTooLarge {
        /// The size of the modulus.
        bits: usize,
    },
    /// An RSA modulus or exponent that no RSA key has.
    RsaNotAKey,
    /// Coordinates of the wrong length, or that are not a point of the curve.
    NotOnCurve,
    /// An HMAC key under [`MIN_HMAC_BYTES`].
    HmacTooShort {
        /// The size of the key.
        bytes: usize,
    },
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RsaTooSmall { bits } => {
                write!(f, "RSA key of {bits} bits, at least {MIN_RSA_BITS} are needed")
            }
            Self::RsaTooLarge { bits } => {
                write!(f, "RSA key of {bits} bits, at most {MAX_RSA_BITS} are accepted")
            }
            Self::RsaNotAKey => write!(f, "modulus or exponent of no RSA key"),
            Self::NotOnCurve => write!(f, "not a point of its curve"),
            Self::HmacTooShort { bytes } => {
                write!(f, "HMAC key of {bytes} bytes, at least {MIN_HMAC_BYTES} are needed")
            }
        }
    }
}

impl std::error::Error for KeyFault {}

/// A curve of RFC 7518 §6.2.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// `P-256`
    P256,
    /// `P-384`
    P384,
    /// `P-521`
    P521,
}

impl Curve {
    /// The length of one coordinate in bytes.
    pub fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// A public key, in the form of each backend.
#[derive(Clone)]
pub struct PublicKey {
    pub(super) typed: TypedKey,
    /// The key as the host takes it ([`host::key_field`]), made once; empty for Ed25519, which the host cannot verify.
    pub(super) host_field: Vec<u8>,
}

#[derive(Clone)]
pub(super) enum TypedKey {
    Rsa(RsaKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(Box<p521::ecdsa::VerifyingKey>),
    Ed25519(ed25519_compact::PublicKey),
}

impl PublicKey {
    /// An RSA key of big-endian modulus `n` and exponent `e` (RFC 7518 §6.3.1).
    pub fn rsa(n: &[u8], e: &[u8]) -> Result<Self, KeyFault> {
        let digits = without_zeros(n);
        let bits = digits
            .first()
            .map_or(0, |first| digits.len().saturating_mul(8).saturating_sub(leading_zeros(*first)));
        if bits < MIN_RSA_BITS {
            return Err(KeyFault::RsaTooSmall { bits });
        }
        if bits > MAX_RSA_BITS {
            return Err(KeyFault::RsaTooLarge { bits });
        }
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
        let exponent = number(e).filter(|exponent| (3..=MAX_RSA_EXPONENT).contains(exponent));
        let exponent = exponent.filter(|_| is_odd(digits) && is_odd(e)).ok_or(KeyFault::RsaNotAKey)?;
        let spki = rsa_spki(digits, e).map_err(|_| KeyFault::RsaNotAKey)?;
        let key = RsaKey::new(digits, bits, exponent).ok_or(KeyFault::RsaNotAKey)?;
        Ok(Self { typed: TypedKey::Rsa(key), host_field: host::key_field(&spki) })
    }

    /// A key on `curve` with big-endian coordinates of exactly the curve's length (RFC 7518 §6.2.1).
    pub fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, KeyFault> {
        let size = curve.coordinate_bytes();
        if x.len() != size || y.len() != size {
            return Err(KeyFault::NotOnCurve);
        }
        // SEC 1 §2.3.3, uncompressed.
        let point = [&[4], x, y].concat();
        let (typed, spki) = match curve {
            Curve::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok().map(TypedKey::P256).zip(
                p256::PublicKey::from_sec1_bytes(&point).ok().and_then(|key| key.to_public_key_der().ok()),
            ),
            Curve::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok().map(TypedKey::P384).zip(
                p384::PublicKey::from_sec1_bytes(&point).ok().and_then(|key| key.to_public_key_der().ok()),
            ),
            Curve::P521 => p521::ecdsa::VerifyingKey::from_sec1_bytes(&point)
                .ok()
                .map(|key| TypedKey::P521(Box::new(key)))
                .zip(
                    p521::PublicKey::from_sec1_bytes(&point)
                        .ok()
                        .and_then(|key| key.to_public_key_der().ok()),
                ),
        }
        .ok_or(KeyFault::NotOnCurve)?;
        Ok(Self { typed, host_field: host::key_field(spki.as_bytes()) })
    }

    /// An Ed25519 key of the 32 bytes `x` (RFC 8037 §2).
    pub fn ed25519(x: &[u8]) -> Result<Self, KeyFault> {
        let key = ed25519_compact::PublicKey::from_slice(x).map_err(|_| KeyFault::NotOnCurve)?;
        Ok(Self { typed: TypedKey::Ed25519(key), host_field: Vec::new() })
    }

    /// The power of an RSA signature (RFC 8017 §5.2.2); `None` for a key of another kind, and unless the signature is as long as the
    /// modulus and a lesser number.
    #[cfg(fuzzing)]
    pub fn rsa_power(&self, signature: &[u8]) -> Option<Vec<u8>> {
        let TypedKey::Rsa(key) = &self.typed else { return None };
        key.power(signature)
    }

    /// Whether the kind and curve of the key are those of `algorithm`.
    pub fn serves(&self, algorithm: Algorithm) -> bool {
        match self.typed {
            TypedKey::Rsa(_) => algorithm.is_rsa(),
            TypedKey::P256(_) => algorithm == Algorithm::Es256,
            TypedKey::P384(_) => algorithm == Algorithm::Es384,
            TypedKey::P521(_) => algorithm == Algorithm::Es512,
            TypedKey::Ed25519(_) => algorithm == Algorithm::Ed25519,
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.typed {
            TypedKey::Rsa(_) => "PublicKey(RSA)",
            TypedKey::P256(_) => "PublicKey(P-256)",
            TypedKey::P384(_) => "PublicKey(P-384)",
            TypedKey::P521(_) => "PublicKey(P-521)",
            TypedKey::Ed25519(_) => "PublicKey(Ed25519)",
        })
    }
}

/// `SubjectPublicKeyInfo` of an RSA key (RFC 3279 §2.3.1).
fn rsa_spki(n: &[u8], e: &[u8]) -> der::Result<Vec<u8>> {
    let key =
        pkcs1::RsaPublicKey { modulus: UintRef::new(n)?, public_exponent: UintRef::new(e)? }.to_der()?;
    let subject_public_key = BitStringRef::from_bytes(&key)?;
    SubjectPublicKeyInfoRef { algorithm: pkcs1::ALGORITHM_ID, subject_public_key }.to_der()
}

/// A big-endian number without zeros in front.
fn without_zeros(bytes: &[u8]) -> &[u8] {
    bytes.iter().position(|byte| *byte != 0).and_then(|start| bytes.get(start..)).unwrap_or_default()
}

/// A big-endian number below 2^64.
fn number(bytes: &[u8]) -> Option<u64> {
    let digits = without_zeros(bytes);
    (digits.len() <= size_of::<u64>())
        .then(|| digits.iter().fold(0, |high, byte| (high << 8) | u64::from(*byte)))
}

fn leading_zeros(byte: u8) -> usize {
    usize::try_from(byte.leading_zeros()).unwrap_or(0)
}

/// A shared secret for HMAC.
#[derive(Clone)]
pub struct SymmetricKey(Vec<u8>);

impl SymmetricKey {
    /// A secret of at least [`MIN_HMAC_BYTES`].
    pub fn new(secret: Vec<u8>) -> Result<Self, KeyFault> {
        if secret.len() < MIN_HMAC_BYTES {
            return Err(KeyFault::HmacTooShort { bytes: secret.len() });
        }
        Ok(Self(secret))
    }

    /// Whether `algorithm` is an HMAC whose hash is no longer than the secret (RFC 7518 §3.2).
    pub fn serves(&self, algorithm: Algorithm) -> bool {
        algorithm.is_symmetric() && self.0.len() >= algorithm.hash().bytes()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SymmetricKey(…)")
    }
}
