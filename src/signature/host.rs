//! The backend of the host: Envoy's foreign function `verify_signature` (RSA PKCS#1 v1.5 and ECDSA, native code).
//!
//! Its argument is the protobuf message `VerifySignatureArguments` (1 `hash_function`, 2 `public_key` as
//! `SubjectPublicKeyInfo`, 3 `signature`, ECDSA as DER, 4 `text`); its answer `VerifySignatureResult` (1 `result`).

use std::{borrow::Cow, cell::Cell};

use super::{
    ecdsa,
    key::{Curve, PublicKey, TypedKey},
};
use crate::algorithm::{Algorithm, Hash};

/// Calls the host's `verify_signature` with the serialized arguments; `None` when the host has no such function or fails.
pub type HostCall = Box<dyn Fn(&[u8]) -> Option<Vec<u8>>>;

/// `VerifySignatureResult { result: true }`: proto3 leaves the empty `error` out.
const VERIFIED: [u8; 2] = [0x08, 0x01];

const PUBLIC_KEY: u8 = 2;
const SIGNATURE: u8 = 3;
const TEXT: u8 = 4;

/// The host's function, with room for its arguments: each call writes them to the same place.
pub(super) struct Host {
    call: HostCall,
    arguments: Cell<Vec<u8>>,
}

impl Host {
    /// A host that has this function.
    pub(super) fn new(call: HostCall) -> Self {
        Self { call, arguments: Cell::default() }
    }

    /// The host's verdict about a signature under an RS or ES algorithm; `None` when it gave none.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        let Some(signature) = host_form(key, signature) else {
            return Some(false);
        };
        let mut arguments = self.arguments.take();
        arguments.clear();
        arguments.extend_from_slice(hash_field(algorithm.hash()));
        arguments.extend_from_slice(&key.host_field);
        push_bytes_field(&mut arguments, SIGNATURE, &signature);
        push_bytes_field(&mut arguments, TEXT, message);
        let result = (self.call)(&arguments);
        self.arguments.set(arguments);
        result.map(|result| result == VERIFIED)
    }
}

/// The field of the arguments that names a hash.
fn hash_field(hash: Hash) -> &'static [u8] {
    match hash {
        Hash::Sha256 => b"\x0a\x06sha256",
        Hash::Sha384 => b"\x0a\x06sha384",
        Hash::Sha512 => b"\x0a\x06sha512",
    }
}

/// The field of the arguments that holds a key.
pub(super) fn key_field(spki: &[u8]) -> Vec<u8> {
    let mut field = Vec::with_capacity(spki.len().saturating_add(4));
    push_bytes_field(&mut field, PUBLIC_KEY, spki);
    field
}

/// The signature as the host takes it; `None` for one of ECDSA that has not the length of its curve, or whose `r` or `s` is out
/// of range.
fn host_form<'s>(key: &PublicKey, signature: &'s [u8]) -> Option<Cow<'s, [u8]>> {
    let curve = match key.typed {
        TypedKey::P256(_) => Curve::P256,
        TypedKey::P384(_) => Curve::P384,
        TypedKey::P521(_) => Curve::P521,
        TypedKey::Rsa(_) | TypedKey::Ed25519(_) => return Some(Cow::Borrowed(signature)),
    };
    ecdsa::der(curve, signature).map(Cow::Owned)
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
