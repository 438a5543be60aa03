//! The backend of the host: Envoy's foreign function `verify_signature` (RSA PKCS#1 v1.5 and ECDSA, native code).
//!
//! Its argument is the protobuf message `VerifySignatureArguments` (1 `hash_function`, 2 `public_key` as
//! `SubjectPublicKeyInfo`, 3 `signature`, ECDSA as DER, 4 `text`); its answer `VerifySignatureResult` (1 `result`).

use super::key::{PublicKey, TypedKey};
use crate::algorithm::{Algorithm, Hash};

/// Calls the host's `verify_signature` with the serialized arguments; `None` when the host has no such function or fails.
pub type HostCall = Box<dyn Fn(&[u8]) -> Option<Vec<u8>>>;

/// `VerifySignatureResult { result: true }`: proto3 leaves the empty `error` out.
const VERIFIED: [u8; 2] = [0x08, 0x01];

/// The host's verdict about a signature under an RS or ES algorithm; `None` when it gave none.
pub(super) fn verify(
    host: &HostCall,
    algorithm: Algorithm,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let hash = match algorithm.hash() {
        Hash::Sha256 => "sha256",
        Hash::Sha384 => "sha384",
        Hash::Sha512 => "sha512",
    };
    let Some(signature) = host_form(key, signature) else {
        return Some(false);
    };
    let fields = [(1, hash.as_bytes()), (2, key.spki.as_slice()), (3, &signature), (4, message)];
    let mut arguments =
        Vec::with_capacity(fields.iter().map(|(_, bytes)| bytes.len().saturating_add(6)).sum());
    for (number, bytes) in fields {
        push_bytes_field(&mut arguments, number, bytes);
    }
    host(&arguments).map(|result| result == VERIFIED)
}

/// The signature as the host takes it: an ECDSA signature is `r ‖ s` in JOSE (RFC 7518 §3.4) and DER there. `None` when it
/// has not the length of its curve, or `r` or `s` is out of range.
fn host_form(key: &PublicKey, signature: &[u8]) -> Option<Vec<u8>> {
    Some(match key.typed {
        TypedKey::P256(_) => p256::ecdsa::Signature::from_slice(signature).ok()?.to_der().as_bytes().to_vec(),
        TypedKey::P384(_) => p384::ecdsa::Signature::from_slice(signature).ok()?.to_der().as_bytes().to_vec(),
        TypedKey::P521(_) => p521::ecdsa::Signature::from_slice(signature).ok()?.to_der().as_bytes().to_vec(),
        TypedKey::Rsa(_) | TypedKey::Ed25519(_) => signature.to_vec(),
    })
}

/// Appends a length-delimited protobuf field; `number` is under 16.
fn push_bytes_field(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    const LENGTH_DELIMITED: u8 = 2;
    message.push((number << 3) | LENGTH_DELIMITED);
    let mut length = bytes.len();
    while length >= 0x80 {
        message.push(low_seven_bits(length) | 0x80);
        length >>= 7;
    }
    message.push(low_seven_bits(length));
    message.extend_from_slice(bytes);
}

fn low_seven_bits(number: usize) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or_default()
}
