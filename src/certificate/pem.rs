//! PEM: labelled base64 in text (RFC 7468). Lines may have any length, and text may stand before a block, as `openssl pkcs12`
//! writes it; nothing may follow the last one.

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::CertificateError;

/// What stands between a `-----BEGIN label-----` and its `-----END label-----`.
pub(super) struct Block<'t> {
    /// What it is, such as `CERTIFICATE`.
    pub(super) label: &'t str,
    /// Its bytes, which may be a private key.
    pub(super) content: Zeroizing<Vec<u8>>,
}

/// The blocks of `text`, of which there is one at least.
pub(super) fn blocks(text: &str) -> Result<Vec<Block<'_>>, CertificateError> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, begun)) = rest.split_once("-----BEGIN ") {
        let (label, begun) = begun.split_once("-----").ok_or(CertificateError::Truncated)?;
        let end = format!("-----END {label}-----");
        let (body, behind) = begun.split_once(&end).ok_or(CertificateError::Truncated)?;
        blocks.push(Block { label, content: decode(body)? });
        rest = behind;
    }
    if blocks.is_empty() {
        return Err(if is_base64_of_der(text) { CertificateError::Binary } else { CertificateError::NotPem });
    }
    if !rest.trim().is_empty() {
        return Err(if rest.contains("\\n") {
            CertificateError::EscapedLineBreaks
        } else {
            CertificateError::TrailingText
        });
    }
    Ok(blocks)
}

fn decode(body: &str) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    if body.contains("\\n") {
        return Err(CertificateError::EscapedLineBreaks);
    }
    // The headers of RFC 1421, which OpenSSL writes into an encrypted `RSA PRIVATE KEY`.
    if body.contains("Proc-Type:") {
        return Err(CertificateError::EncryptedPrivateKey);
    }
    STANDARD.decode(&*compact(body)).map(Zeroizing::new).map_err(|_| CertificateError::Base64)
}

fn is_base64_of_der(text: &str) -> bool {
    // A certificate and a PFX are sequences.
    STANDARD.decode(&*compact(text)).map(Zeroizing::new).is_ok_and(|bytes| bytes.first() == Some(&0x30))
}

fn compact(text: &str) -> Zeroizing<String> {
    // In one allocation, so that no part of a key stays behind in one that was too small.
    let mut compact = Zeroizing::new(String::with_capacity(text.len()));
    compact.extend(text.chars().filter(|character| !character.is_ascii_whitespace()));
    compact
}
