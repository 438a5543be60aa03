//! Envoy's foreign function `verify_signature`, in five characters.

use super::abi::Status;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::signature::hazmat::PrehashVerifier as _;
use rsa::{Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// How the host's `verify_signature` behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verify {
    /// There is none, as in hosts other than Envoy.
    Absent,
    /// It answers as Envoy's does.
    Correct,
    /// It finds every signature good.
    Lying,
    /// It is forbidden, as by a capability restriction.
    Denied,
    /// It answers with something else than its result message.
    Garbled,
}

/// Serialized arguments in, serialized result out.
pub(crate) fn call(verify: Verify, arguments: &[u8]) -> Result<Vec<u8>, Status> {
    match verify {
        Verify::Absent => Err(Status::NotFound),
        Verify::Lying => Ok(result(true)),
        Verify::Denied => Err(Status::InternalFailure),
        Verify::Garbled => Ok(b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01true".to_vec()),
        Verify::Correct => {
            let arguments = Arguments::parse(arguments).ok_or(Status::BadArgument)?;
            Ok(result(arguments.verify().unwrap_or(false)))
        }
    }
}

/// The result message: a boolean (field 1), and a text (field 2) when it is false.
fn result(good: bool) -> Vec<u8> {
    if good { vec![0x08, 1] } else { [b"\x12\x10".as_slice(), b"Failed to verify"].concat() }
}

/// The arguments message, all of whose fields are length-delimited.
#[derive(Debug, Default)]
struct Arguments<'a> {
    hash_function: &'a [u8],
    public_key: &'a [u8],
    signature: &'a [u8],
    text: &'a [u8],
}

impl<'a> Arguments<'a> {
    fn parse(mut bytes: &'a [u8]) -> Option<Self> {
        let mut arguments = Self::default();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes)?;
            let length = usize::try_from(varint(&mut bytes)?).ok()?;
            let (field, rest) = bytes.split_at_checked(length)?;
            bytes = rest;
            match tag {
                0x0A => arguments.hash_function = field,
                0x12 => arguments.public_key = field,
                0x1A => arguments.signature = field,
                0x22 => arguments.text = field,
                _ => return None,
            }
        }
        Some(arguments)
    }

    /// `None` is an unknown hash, a key that cannot be read, or a signature that is none.
    fn verify(&self) -> Option<bool> {
        let (digest, scheme) = match self.hash_function {
            b"sha256" => (Sha256::digest(self.text).to_vec(), Pkcs1v15Sign::new::<Sha256>()),
            b"sha384" => (Sha384::digest(self.text).to_vec(), Pkcs1v15Sign::new::<Sha384>()),
            b"sha512" => (Sha512::digest(self.text).to_vec(), Pkcs1v15Sign::new::<Sha512>()),
            _ => return None,
        };
        if let Ok(key) = RsaPublicKey::from_public_key_der(self.public_key) {
            return Some(key.verify(scheme, &digest, self.signature).is_ok());
        }
        // A SubjectPublicKeyInfo of an elliptic curve ends with the uncompressed point; the curve's identifier is in
        // the prefix, whose length is the same for all keys of a curve.
        let point = |prefix: &[u8]| {
            let rest = self.public_key.strip_prefix(prefix)?;
            (rest.first() == Some(&4)).then_some(rest)
        };
        macro_rules! curve {
            ($curve:ident, $prefix:expr) => {
                if let Some(point) = point($prefix) {
                    let key = $curve::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
                    let signature = $curve::ecdsa::DerSignature::from_bytes(self.signature.into()).ok()?;
                    let signature = $curve::ecdsa::Signature::try_from(signature).ok()?;
                    return Some(key.verify_prehash(&digest, &signature).is_ok());
                }
            };
        }
        curve!(p256, b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00");
        curve!(
            p384,
            b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00"
        );
        curve!(p521, b"\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\x03\x81\x86\x00");
        None
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7F) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
