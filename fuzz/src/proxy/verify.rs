//! Envoy's foreign function `verify_signature`: RSA PKCS#1 v1.5 and ECDSA in DER, with native code.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};

/// The serialized answer to serialized arguments, as Envoy gives it; `None` where they are none.
pub(super) fn verify(arguments: &[u8]) -> Option<Vec<u8>> {
    let fields = fields(arguments)?;
    let field = |wanted| fields.iter().find(|(number, _)| *number == wanted).map(|(_, bytes)| *bytes);
    let (hash, key, signature) = (field(1)?, field(2)?, field(3).unwrap_or_default());
    let is_good = bits(key).is_some_and(|(kind, key)| {
        algorithm(kind, hash).is_some_and(|algorithm| {
            UnparsedPublicKey::new(algorithm, key).verify(field(4).unwrap_or_default(), signature).is_ok()
        })
    });
    Some(if is_good { vec![8, 1] } else { Vec::new() })
}

enum Kind {
    Rsa,
    P256,
    P384,
}

fn algorithm(kind: Kind, hash: &[u8]) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (kind, hash) {
        (Kind::Rsa, b"sha256") => &RSA_PKCS1_2048_8192_SHA256,
        (Kind::Rsa, b"sha384") => &RSA_PKCS1_2048_8192_SHA384,
        (Kind::Rsa, b"sha512") => &RSA_PKCS1_2048_8192_SHA512,
        (Kind::P256, b"sha256") => &ECDSA_P256_SHA256_ASN1,
        (Kind::P384, b"sha384") => &ECDSA_P384_SHA384_ASN1,
        _ => return None,
    })
}

/// The key of a `SubjectPublicKeyInfo`: of a point that is not compressed, the last bytes; of an RSA key, what is in the bits.
fn bits(info: &[u8]) -> Option<(Kind, &[u8])> {
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
    let after = |oid: &[u8]| {
        let at = info.windows(oid.len()).position(|part| part == oid)?;
        info.get(at + oid.len()..)
    };
    if after(P256).is_some() {
        return Some((Kind::P256, info.get(info.len().checked_sub(65)?..)?));
    }
    if after(P384).is_some() {
        return Some((Kind::P384, info.get(info.len().checked_sub(97)?..)?));
    }
    // BIT STRING, two bytes of length, no unused bits.
    match after(RSA)? {
        [0x03, 0x82, _, _, 0, key @ ..] => Some((Kind::Rsa, key)),
        _ => None,
    }
}

/// The length-delimited fields of a protobuf message, all there are here.
fn fields(mut message: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut fields = Vec::new();
    while let Some((tag, mut rest)) = message.split_first() {
        let (mut length, mut shift) = (0, 0);
        loop {
            let (byte, after) = rest.split_first()?;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            rest = after;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (bytes, after) = rest.split_at_checked(length)?;
        fields.push((tag >> 3, bytes));
        message = after;
    }
    Some(fields)
}
