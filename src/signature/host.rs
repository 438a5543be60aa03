//! The backend of the host: Envoy's foreign function `verify_signature` (RSA PKCS#1 v1.5 and ECDSA, native code).
//!
//! Its argument is the protobuf message `VerifySignatureArguments` (1 `hash_function`, 2 `public_key` as
//! `SubjectPublicKeyInfo`, 3 `signature`, ECDSA as DER, 4 `text`); its answer `VerifySignatureResult` (1 `result`).

use super::key::PublicKey;
use crate::algorithm::Algorithm;

/// Calls the host's `verify_signature` with the serialized arguments; `None` when the host has no such function or fails.
pub type HostCall = Box<dyn Fn(&[u8]) -> Option<Vec<u8>>>;

/// The algorithms that the function may know.
pub(super) const CANDIDATES: [Algorithm; 6] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
];

/// `VerifySignatureResult { result: true }`: proto3 leaves the empty `error` out.
const VERIFIED: [u8; 2] = [0x08, 0x01];

/// The host's verdict; `None` when it gave none.
pub(super) fn verify(
    host: &HostCall,
    algorithm: Algorithm,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let hash = match algorithm {
        Algorithm::Rs256 | Algorithm::Es256 => "sha256",
        Algorithm::Rs384 | Algorithm::Es384 => "sha384",
        Algorithm::Rs512 | Algorithm::Es512 => "sha512",
        Algorithm::Hs256
        | Algorithm::Hs384
        | Algorithm::Hs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::Ed25519 => return None,
    };
    let Some(signature) = host_form(algorithm, signature) else {
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
fn host_form(algorithm: Algorithm, signature: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        Algorithm::Es256 => p256::ecdsa::Signature::from_slice(signature)
            .ok()
            .map(|signature| signature.to_der().as_bytes().to_vec()),
        Algorithm::Es384 => p384::ecdsa::Signature::from_slice(signature)
            .ok()
            .map(|signature| signature.to_der().as_bytes().to_vec()),
        Algorithm::Es512 => p521::ecdsa::Signature::from_slice(signature)
            .ok()
            .map(|signature| signature.to_der().as_bytes().to_vec()),
        Algorithm::Hs256
        | Algorithm::Hs384
        | Algorithm::Hs512
        | Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::Ed25519 => Some(signature.to_vec()),
    }
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
