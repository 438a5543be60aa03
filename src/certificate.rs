//! `certificates` of the configuration: X.509 certificates and their private keys, as PEM (RFC 7468).
//!
//! A certificate carries a public key and names it by its thumbprints; nothing else of it counts. Who issued it and whether
//! it has expired is not asked, as APIM does not: the configuration vouches for it.

mod pem;
mod private_key;
mod x509;

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha1::Sha1;
use sha2::{Digest, Sha256};

pub use private_key::{MAX_PRIVATE_KEY_BITS, PrivateKey};

use crate::{
    excerpt::Excerpt,
    signature::{KeyFault, MIN_RSA_BITS, PublicKey},
    time::Timestamp,
};

/// An X.509 certificate (RFC 5280) with a key that the filter can use.
#[derive(Clone)]
pub struct Certificate {
    key: PublicKey,
    /// The key as the certificate holds it: for RSA, the DER of an `RSAPublicKey`.
    subject_public_key: Vec<u8>,
    thumbprints: Thumbprints,
    not_after: Timestamp,
    further: usize,
}

impl Certificate {
    /// Reads the first `CERTIFICATE` of `pem`; those that follow are its chain, which nobody asks for.
    pub fn parse(pem: &str) -> Result<Self, CertificateError> {
        let blocks = pem::blocks(pem)?;
        for block in &blocks {
            match block.label {
                "CERTIFICATE" => {}
                label if label.ends_with("PRIVATE KEY") => {
                    return Err(CertificateError::PrivateKeyInCertificate);
                }
                label => return Err(CertificateError::label("CERTIFICATE", label)),
            }
        }
        let (first, chain) = blocks.split_first().ok_or(CertificateError::NotPem)?;
        let fields = x509::read(&first.content)?;
        Ok(Self {
            key: fields.key,
            subject_public_key: fields.subject_public_key,
            thumbprints: Thumbprints::of(&first.content),
            not_after: fields.not_after,
            further: chain.len(),
        })
    }

    /// The certificate's key, which verifies signatures.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The names that tokens call the certificate by.
    pub fn thumbprints(&self) -> &Thumbprints {
        &self.thumbprints
    }

    /// When the certificate expires. It is used after that all the same; whoever reads a configuration may want to know.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// How many certificates followed the first, and were not read.
    pub fn further(&self) -> usize {
        self.further
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("thumbprint", &self.thumbprints.x5t).finish_non_exhaustive()
    }
}

/// What tokens call a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbprints {
    x5t: String,
    x5t_s256: String,
    hexadecimal: String,
}

impl Thumbprints {
    fn of(der: &[u8]) -> Self {
        let sha1 = Sha1::digest(der);
        Self {
            x5t: URL_SAFE_NO_PAD.encode(sha1),
            x5t_s256: URL_SAFE_NO_PAD.encode(Sha256::digest(der)),
            hexadecimal: format!("{sha1:X}"),
        }
    }

    /// `x5t`: base64url of the SHA-1 of the certificate (RFC 7515 §4.1.7).
    pub fn x5t(&self) -> &str {
        &self.x5t
    }

    /// `x5t#S256`: base64url of the SHA-256 of the certificate (RFC 7515 §4.1.8).
    pub fn x5t_s256(&self) -> &str {
        &self.x5t_s256
    }

    /// Whether a `kid` means this certificate. Issuers on .NET put the SHA-1 there, as base64url or, as Windows shows it,
    /// hexadecimal.
    pub fn match_key_id(&self, key_id: &str) -> bool {
        key_id == self.x5t || key_id.eq_ignore_ascii_case(&self.hexadecimal)
    }
}

/// Why a text is not a usable certificate or private key, and what would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// There is no `-----BEGIN …-----`.
    NotPem,
    /// Base64 of something binary, without the lines that would say what it is.
    Binary,
    /// Line breaks are the two characters `\n`.
    EscapedLineBreaks,
    /// There is a `-----BEGIN …-----` without its `-----END …-----`.
    Truncated,
    /// What stands between the two lines is not base64.
    Base64,
    /// Something follows the last `-----END …-----`.
    TrailingText,
    /// PEM of something else.
    Label {
        /// What was looked for.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A private key stands where the certificate belongs.
    PrivateKeyInCertificate,
    /// Not a certificate by RFC 5280.
    NotX509,
    /// A public key of a kind that the filter has no use for.
    KeyKind,
    /// A public key of the right kind that is unusable.
    Key(KeyFault),
    /// The private key is encrypted.
    EncryptedPrivateKey,
    /// There are several private keys.
    SeveralPrivateKeys,
    /// A private key that is not RSA.
    NotRsa,
    /// A private key of fewer than [`MIN_RSA_BITS`] or more than [`MAX_PRIVATE_KEY_BITS`].
    PrivateKeySize {
        /// The size of the modulus.
        bits: usize,
    },
    /// Numbers that are not those of an RSA key of two primes.
    InvalidPrivateKey,
    /// The private key is not the certificate's.
    Mismatch,
}

impl CertificateError {
    fn label(expected: &'static str, found: &str) -> Self {
        Self::Label { expected, found: Excerpt(found).to_string() }
    }
}

impl From<KeyFault> for CertificateError {
    fn from(fault: KeyFault) -> Self {
        Self::Key(fault)
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPem => write!(
                f,
                "not PEM: it has no line `-----BEGIN …-----`; write the text of the file, not its name"
            ),
            Self::Binary => write!(
                f,
                "a DER or PFX file in base64, PEM is expected; `openssl pkcs12 -in FILE -nodes` turns a PFX into PEM, `openssl x509 -inform der -in FILE` a certificate"
            ),
            Self::EscapedLineBreaks => {
                write!(f, "line breaks are written as the two characters `\\n`; they have to be line breaks")
            }
            Self::Truncated => write!(f, "PEM without its line `-----END …-----`: the end is missing"),
            Self::Base64 => {
                write!(f, "PEM with something else than base64 between its first and its last line")
            }
            Self::TrailingText => write!(f, "text follows the last line of the PEM; take it away"),
            Self::Label { expected, found } => {
                write!(f, "PEM of `{found}`, `{expected}` is expected")
            }
            Self::PrivateKeyInCertificate => {
                write!(f, "holds a private key: that belongs in `private-key` or `private-key-from-env`")
            }
            Self::NotX509 => write!(f, "PEM of `CERTIFICATE`, but what is in it is no X.509 certificate"),
            Self::KeyKind => {
                write!(f, "its key is neither RSA, nor EC on P-256, P-384 or P-521, nor Ed25519")
            }
            Self::Key(fault) => write!(f, "its key is unusable: {fault}"),
            Self::EncryptedPrivateKey => {
                write!(f, "the private key is encrypted; `openssl pkey -in FILE` decrypts it")
            }
            Self::SeveralPrivateKeys => {
                write!(f, "several private keys; leave only the one of the certificate")
            }
            Self::NotRsa => write!(f, "not an RSA key: tokens are decrypted with RSA keys alone"),
            Self::PrivateKeySize { bits } => write!(
                f,
                "RSA private key of {bits} bits; {MIN_RSA_BITS} to {MAX_PRIVATE_KEY_BITS} are accepted"
            ),
            Self::InvalidPrivateKey => write!(f, "damaged: its numbers are not those of an RSA key"),
            Self::Mismatch => write!(
                f,
                "not the private key of the certificate; if that is a chain, the key's own certificate has to come first"
            ),
        }
    }
}

impl std::error::Error for CertificateError {}

#[cfg(test)]
mod tests;
