//! The backend in pure Rust: every algorithm, on any host. RSA is our own (`rsa_key.rs`); the others come by way of
//! jwt-compact's `Algorithm`.

use std::{borrow::Cow, convert::Infallible, marker::PhantomData};

use jwt_compact::{
    Algorithm as Jws, AlgorithmSignature,
    alg::{Ed25519, Es256, Hs256, Hs256Key, Hs384, Hs384Key, Hs512, Hs512Key},
};

use p384::ecdsa::signature::{SignatureEncoding, Verifier};

use super::key::{PublicKey, SymmetricKey, TypedKey};
use crate::algorithm::{Algorithm, Hash};

/// Whether `signature` is good; false for a key of another kind than the algorithm's.
pub(super) fn verify_public(algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    match &key.typed {
        TypedKey::Rsa(key) => key.verify(algorithm, message, signature),
        TypedKey::P256(key) => algorithm == Algorithm::Es256 && check(&Es256, key, message, signature),
        TypedKey::P384(key) => algorithm == Algorithm::Es384 && check(&ES384, key, message, signature),
        TypedKey::P521(key) => algorithm == Algorithm::Es512 && check(&ES512, key, message, signature),
        TypedKey::Ed25519(key) => algorithm == Algorithm::Ed25519 && check(&Ed25519, key, message, signature),
    }
}

/// Whether `signature` is good; compares in constant time. False for an algorithm that the secret does not serve.
pub(super) fn verify_symmetric(
    algorithm: Algorithm,
    key: &SymmetricKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let secret = key.bytes();
    key.serves(algorithm)
        && match algorithm.hash() {
            Hash::Sha256 => check(&Hs256, &Hs256Key::new(secret), message, signature),
            Hash::Sha384 => check(&Hs384, &Hs384Key::new(secret), message, signature),
            Hash::Sha512 => check(&Hs512, &Hs512Key::new(secret), message, signature),
        }
}

fn check<A: Jws>(algorithm: &A, key: &A::VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    let right_length = A::Signature::LENGTH.is_none_or(|length| length.get() == signature.len());
    right_length
        && A::Signature::try_from_slice(signature)
            .is_ok_and(|signature| algorithm.verify_signature(&signature, key, message))
}

/// ECDSA on P-384 and P-521, which jwt-compact lacks. It only verifies: there is no value of its signing key's type.
struct Ecdsa<K, S> {
    name: &'static str,
    of: PhantomData<(K, S)>,
}

const ES384: Ecdsa<p384::ecdsa::VerifyingKey, p384::ecdsa::Signature> =
    Ecdsa { name: "ES384", of: PhantomData };

const ES512: Ecdsa<p521::ecdsa::VerifyingKey, p521::ecdsa::Signature> =
    Ecdsa { name: "ES512", of: PhantomData };

/// `r ‖ s`, both in range (RFC 7518 §3.4).
struct EcdsaSignature<S>(S);

impl<S: SignatureEncoding> AlgorithmSignature for EcdsaSignature<S> {
    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        S::try_from(slice).map(Self).map_err(|_| anyhow::Error::msg("r or s is out of range"))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_vec())
    }
}

impl<K: Verifier<S>, S: SignatureEncoding> Jws for Ecdsa<K, S> {
    type SigningKey = Infallible;
    type VerifyingKey = K;
    type Signature = EcdsaSignature<S>;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.name)
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
        key.verify(message, &signature.0).is_ok()
    }
}
