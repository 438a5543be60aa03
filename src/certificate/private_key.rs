//! RSA private keys, checked once when they are read, so that decryption meets no bad one.

use std::fmt;

use rsa::{
    BigUint, RsaPrivateKey,
    pkcs1::{self, EncodeRsaPublicKey, UintRef},
    pkcs8::{ObjectIdentifier, PrivateKeyInfo},
};

use super::{Certificate, CertificateError, pem};
use crate::signature::MIN_RSA_BITS;

/// The largest modulus of a private key in bits: the time of a decryption grows with its cube.
pub const MAX_PRIVATE_KEY_BITS: usize = 4096;

/// RFC 8017 §A.1.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// An RSA private key of [`MIN_RSA_BITS`] to [`MAX_PRIVATE_KEY_BITS`].
#[derive(Clone)]
pub struct PrivateKey(RsaPrivateKey);

impl PrivateKey {
    /// Reads the one private key of `pem`, `PRIVATE KEY` (RFC 5208) or `RSA PRIVATE KEY` (RFC 8017 §A.1.2), and sees that it
    /// is the one of `certificate`. Certificates beside it are stepped over: one file often holds both.
    pub fn parse(pem: &str, certificate: Option<&Certificate>) -> Result<Self, CertificateError> {
        let mut found = None;
        for block in pem::blocks(pem)? {
            match block.label {
                "CERTIFICATE" => {}
                "PRIVATE KEY" | "RSA PRIVATE KEY" if found.is_some() => {
                    return Err(CertificateError::SeveralPrivateKeys);
                }
                "PRIVATE KEY" => found = Some(from_pkcs8(&block.content)?),
                "RSA PRIVATE KEY" => found = Some(from_pkcs1(&block.content)?),
                "ENCRYPTED PRIVATE KEY" => return Err(CertificateError::EncryptedPrivateKey),
                "EC PARAMETERS" | "EC PRIVATE KEY" => return Err(CertificateError::NotRsa),
                label => return Err(CertificateError::label("PRIVATE KEY", label)),
            }
        }
        let key = found.ok_or_else(|| CertificateError::label("PRIVATE KEY", "CERTIFICATE"))?;
        if certificate.is_some_and(|certificate| !key.is_of(certificate)) {
            return Err(CertificateError::Mismatch);
        }
        Ok(key)
    }

    /// The key for the operations of RFC 8017.
    pub(crate) fn as_rsa(&self) -> &RsaPrivateKey {
        &self.0
    }

    fn is_of(&self, certificate: &Certificate) -> bool {
        self.0
            .to_public_key()
            .to_pkcs1_der()
            .is_ok_and(|own| own.as_bytes() == certificate.subject_public_key)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

fn from_pkcs8(der: &[u8]) -> Result<PrivateKey, CertificateError> {
    let info = PrivateKeyInfo::try_from(der).map_err(|_| CertificateError::InvalidPrivateKey)?;
    if info.algorithm.oid != RSA {
        return Err(CertificateError::NotRsa);
    }
    from_pkcs1(info.private_key)
}

fn from_pkcs1(der: &[u8]) -> Result<PrivateKey, CertificateError> {
    let key = pkcs1::RsaPrivateKey::try_from(der).map_err(|_| CertificateError::InvalidPrivateKey)?;
    // Sizes are checked on the bytes first, so that no arithmetic is done on a number of any size.
    let bits = BigUint::from_bytes_be(key.modulus.as_bytes()).bits();
    if !(MIN_RSA_BITS..=MAX_PRIVATE_KEY_BITS).contains(&bits) {
        return Err(CertificateError::PrivateKeySize { bits });
    }
    let [modulus, exponent, prime1, prime2] =
        [key.modulus, key.private_exponent, key.prime1, key.prime2].map(|number| number.as_bytes().len());
    // The recombination of the two halves takes as many steps as one prime is larger than the other.
    let are_halves = prime1.abs_diff(prime2) <= 1;
    if !are_halves || exponent > modulus || key.other_prime_infos.is_some() {
        return Err(CertificateError::InvalidPrivateKey);
    }
    let number = |number: UintRef<'_>| BigUint::from_bytes_be(number.as_bytes());
    // Validates what it is given: the product of the primes, and that the exponents undo one another.
    RsaPrivateKey::from_components(
        number(key.modulus),
        number(key.public_exponent),
        number(key.private_exponent),
        vec![number(key.prime1), number(key.prime2)],
    )
    .map(PrivateKey)
    .map_err(|_| CertificateError::InvalidPrivateKey)
}
