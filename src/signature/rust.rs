//! The backend in pure Rust: every algorithm, on any host, by way of jwt-compact's `Algorithm`.

use std::{borrow::Cow, convert::Infallible};

use jwt_compact::{
    Algorithm as Jws, AlgorithmSignature,
    alg::{Ed25519, Es256, Hs256, Hs256Key, Hs384, Hs384Key, Hs512, Hs512Key, Rsa},
};

use super::key::{PublicKey, SymmetricKey, TypedKey};
use crate::algorithm::Algorithm;

/// Whether `signature` is good; false for a key of another kind than the algorithm's.
pub(super) fn verify_public(algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    match &key.typed {
        TypedKey::Rsa(key) => {
            // `Rsa` knows its six algorithms by the names of RFC 7518.
            algorithm.name().parse::<Rsa>().is_ok_and(|rsa| check(&rsa, key, message, signature))
        }
        TypedKey::P256(key) => algorithm == Algorithm::Es256 && check(&Es256, key, message, signature),
        TypedKey::P384(key) => algorithm == Algorithm::Es384 && check(&Es384, key, message, signature),
        TypedKey::P521(key) => algorithm == Algorithm::Es512 && check(&Es512, key, message, signature),
        TypedKey::Ed25519(key) => algorithm == Algorithm::Ed25519 && check(&Ed25519, key, message, signature),
    }
}

/// Whether `signature` is good; compares in constant time.
pub(super) fn verify_symmetric(
    algorithm: Algorithm,
    key: &SymmetricKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let secret = key.bytes();
    match algorithm {
        Algorithm::Hs256 => check(&Hs256, &Hs256Key::new(secret), message, signature),
        Algorithm::Hs384 => check(&Hs384, &Hs384Key::new(secret), message, signature),
        Algorithm::Hs512 => check(&Hs512, &Hs512Key::new(secret), message, signature),
        Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::Es256
        | Algorithm::Es384
        | Algorithm::Es512
        | Algorithm::Ed25519 => false,
    }
}

fn check<A: Jws>(algorithm: &A, key: &A::VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    let right_length = A::Signature::LENGTH.is_none_or(|length| length.get() == signature.len());
    right_length
        && A::Signature::try_from_slice(signature)
            .is_ok_and(|signature| algorithm.verify_signature(&signature, key, message))
}

/// ECDSA on P-384, which jwt-compact lacks. It only verifies: there is no value of its signing key's type.
struct Es384;

/// ECDSA on P-521, likewise.
struct Es512;

struct P384Signature(p384::ecdsa::Signature);

struct P521Signature(p521::ecdsa::Signature);

impl AlgorithmSignature for P384Signature {
    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        p384::ecdsa::Signature::from_slice(slice).map(Self).map_err(anyhow::Error::msg)
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_bytes().to_vec())
    }
}

impl AlgorithmSignature for P521Signature {
    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        p521::ecdsa::Signature::from_slice(slice).map(Self).map_err(anyhow::Error::msg)
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_bytes().to_vec())
    }
}

impl Jws for Es384 {
    type SigningKey = Infallible;
    type VerifyingKey = p384::ecdsa::VerifyingKey;
    type Signature = P384Signature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("ES384")
    }

    fn sign(&self, signing_key: &Self::SigningKey, _message: &[u8]) -> Self::Signature {
        match *signing_key {}
    }

    fn verify_signature(
        &self,
        signature: &Self::Signature,
        key: &Self::VerifyingKey,
        message: &[u8],
    ) -> bool {
        use p384::ecdsa::signature::Verifier;
        key.verify(message, &signature.0).is_ok()
    }
}

impl Jws for Es512 {
    type SigningKey = Infallible;
    type VerifyingKey = p521::ecdsa::VerifyingKey;
    type Signature = P521Signature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("ES512")
    }

    fn sign(&self, signing_key: &Self::SigningKey, _message: &[u8]) -> Self::Signature {
        match *signing_key {}
    }

    fn verify_signature(
        &self,
        signature: &Self::Signature,
        key: &Self::VerifyingKey,
        message: &[u8],
    ) -> bool {
        use p521::ecdsa::signature::Verifier;
        key.verify(message, &signature.0).is_ok()
    }
}
