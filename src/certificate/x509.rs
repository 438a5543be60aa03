//! What the filter uses of a certificate (RFC 5280 §4.1): its key and the end of its validity. The rest is stepped over, so
//! that a certificate with an unusual name or extension is as good as any.

use rsa::{
    pkcs1,
    pkcs8::{
        ObjectIdentifier,
        der::{
            self, Decode, Reader, SliceReader, Tag, TagMode, TagNumber,
            asn1::{AnyRef, BitStringRef, GeneralizedTime, UtcTime},
        },
        spki::AlgorithmIdentifierRef,
    },
};

use super::CertificateError;
use crate::{
    signature::{Curve, PublicKey},
    time::Timestamp,
};

/// RFC 8017 §A.1.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// RFC 5480 §2.1.1.
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// RFC 8410 §3.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// RFC 5480 §2.1.1.1.
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// The fields of a certificate that are used.
pub(super) struct Fields {
    pub(super) key: PublicKey,
    pub(super) subject_public_key: Vec<u8>,
    pub(super) not_after: Timestamp,
}

/// Reads a DER certificate.
pub(super) fn read(certificate: &[u8]) -> Result<Fields, CertificateError> {
    let (not_after, algorithm, subject_public_key) =
        read_fields(certificate).map_err(|_| CertificateError::NotX509)?;
    Ok(Fields {
        key: public_key(&algorithm, subject_public_key)?,
        subject_public_key: subject_public_key.to_vec(),
        not_after,
    })
}

fn read_fields(certificate: &[u8]) -> der::Result<(Timestamp, AlgorithmIdentifierRef<'_>, &[u8])> {
    let mut reader = SliceReader::new(certificate)?;
    let fields = reader.sequence(|certificate| {
        let fields = certificate.sequence(|tbs| {
            let _version: Option<u8> = tbs.context_specific(TagNumber::N0, TagMode::Explicit)?;
            let _serial_number = AnyRef::decode(tbs)?;
            let _signature = AnyRef::decode(tbs)?;
            let _issuer = AnyRef::decode(tbs)?;
            let not_after = tbs.sequence(|validity| {
                let _not_before = AnyRef::decode(validity)?;
                time(validity)
            })?;
            let _subject = AnyRef::decode(tbs)?;
            let (algorithm, key) = tbs.sequence(|info| {
                let algorithm = AlgorithmIdentifierRef::decode(info)?;
                Ok((algorithm, BitStringRef::decode(info)?))
            })?;
            while !tbs.is_finished() {
                let _identifier_or_extensions = AnyRef::decode(tbs)?;
            }
            let key = key.as_bytes().ok_or_else(|| Tag::BitString.value_error())?;
            Ok((not_after, algorithm, key))
        })?;
        let _signature_algorithm = AnyRef::decode(certificate)?;
        let _signature = AnyRef::decode(certificate)?;
        Ok(fields)
    })?;
    reader.finish(fields)
}

fn time<'r>(reader: &mut impl Reader<'r>) -> der::Result<Timestamp> {
    let since_1970 = if reader.peek_tag()? == Tag::GeneralizedTime {
        GeneralizedTime::decode(reader)?.to_unix_duration()
    } else {
        UtcTime::decode(reader)?.to_unix_duration()
    };
    Ok(Timestamp::from_millis(0).after(since_1970))
}

fn public_key(algorithm: &AlgorithmIdentifierRef<'_>, key: &[u8]) -> Result<PublicKey, CertificateError> {
    match algorithm.oid {
        RSA => {
            let key = pkcs1::RsaPublicKey::try_from(key).map_err(|_| CertificateError::NotX509)?;
            Ok(PublicKey::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())?)
        }
        EC => {
            let curve = match algorithm.parameters_oid() {
                Ok(P256) => Curve::P256,
                Ok(P384) => Curve::P384,
                Ok(P521) => Curve::P521,
                _ => return Err(CertificateError::KeyKind),
            };
            // SEC 1 §2.3.3, uncompressed.
            let (x, y) = key
                .strip_prefix(&[4])
                .and_then(|point| point.split_at_checked(curve.coordinate_bytes()))
                .ok_or(CertificateError::KeyKind)?;
            Ok(PublicKey::ec(curve, x, y)?)
        }
        ED25519 => Ok(PublicKey::ed25519(key)?),
        _ => Err(CertificateError::KeyKind),
    }
}
