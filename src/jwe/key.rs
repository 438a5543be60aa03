//! `decryption-keys`, and which of them a token is tried with.

use std::fmt;

use zeroize::Zeroizing;

use crate::certificate::{PrivateKey, Thumbprints};

/// One of `decryption-keys`.
pub struct DecryptionKey {
    key_id: Option<String>,
    thumbprints: Option<Thumbprints>,
    material: Material,
}

enum Material {
    Symmetric(Zeroizing<Vec<u8>>),
    Rsa(Box<PrivateKey>),
}

impl DecryptionKey {
    /// A secret for `dir` or AES key wrap: of 16, 24, 32, 48 or 64 bytes, the lengths that some algorithm takes.
    pub fn symmetric(key_id: Option<String>, secret: Vec<u8>) -> Result<Self, DecryptionKeyFault> {
        let secret = Zeroizing::new(secret);
        match secret.len() {
            16 | 24 | 32 | 48 | 64 => {
                Ok(Self { key_id, thumbprints: None, material: Material::Symmetric(secret) })
            }
            bytes => Err(DecryptionKeyFault { bytes }),
        }
    }

    /// A private key for RSA-OAEP; `thumbprints` are those of its certificate.
    pub fn rsa(key_id: Option<String>, thumbprints: Option<Thumbprints>, key: PrivateKey) -> Self {
        Self { key_id, thumbprints, material: Material::Rsa(Box::new(key)) }
    }

    /// Whether it is a private key.
    pub fn is_rsa(&self) -> bool {
        self.private_key().is_some()
    }

    pub(super) fn secret(&self) -> Option<&[u8]> {
        match &self.material {
            Material::Symmetric(secret) => Some(secret),
            Material::Rsa(_) => None,
        }
    }

    pub(super) fn private_key(&self) -> Option<&PrivateKey> {
        match &self.material {
            Material::Symmetric(_) => None,
            Material::Rsa(key) => Some(key),
        }
    }

    fn is_called(&self, name: &KeyName) -> bool {
        let is_certificate =
            |matches: &dyn Fn(&Thumbprints) -> bool| self.thumbprints.as_ref().is_some_and(matches);
        match name {
            KeyName::KeyId(name) => {
                self.key_id.as_deref() == Some(name) || is_certificate(&|own| own.match_key_id(name))
            }
            KeyName::ThumbprintS256(name) => is_certificate(&|own| own.x5t_s256() == name),
            KeyName::Thumbprint(name) => is_certificate(&|own| own.x5t() == name),
        }
    }
}

/// What a header calls a key.
pub(super) enum KeyName {
    /// `kid` (RFC 7516 §4.1.6)
    KeyId(String),
    /// `x5t#S256` (RFC 7516 §4.1.10)
    ThumbprintS256(String),
    /// `x5t` (RFC 7516 §4.1.9)
    Thumbprint(String),
}

/// The keys of `own` that the first of `names` to mean any means; all when none means any.
///
/// Of those, no private key when a name means one of `beside`, the keys of other policies that may take the token: its one RSA
/// operation is theirs.
pub(super) fn choose<'k>(
    own: &'k [DecryptionKey],
    beside: &[&DecryptionKey],
    names: &[KeyName],
) -> Vec<&'k DecryptionKey> {
    let called = names
        .iter()
        .map(|name| own.iter().filter(|key| key.is_called(name)).collect::<Vec<_>>())
        .find(|called| !called.is_empty());
    called.unwrap_or_else(|| {
        let is_anothers = names.iter().any(|name| beside.iter().any(|key| key.is_called(name)));
        own.iter().filter(|key| !(is_anothers && key.is_rsa())).collect()
    })
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_rsa() { "DecryptionKey(RSA)" } else { "DecryptionKey(symmetric)" })
    }
}

/// A secret of a length that no algorithm takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecryptionKeyFault {
    /// The length of the secret.
    pub bytes: usize,
}

impl fmt::Display for DecryptionKeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "decryption key of {} bytes; keys have 16, 24, 32, 48 or 64", self.bytes)
    }
}

impl std::error::Error for DecryptionKeyFault {}
