//! Signature algorithms of JOSE (RFC 7518 §3.1, RFC 8037, RFC 9864).

use std::fmt;

/// A signature algorithm that the filter can verify. `none` is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256 (RFC 7518 §3.2).
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256 (RFC 7518 §3.5).
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519, under its old name `EdDSA` (RFC 8037 §3.1) or its own, `Ed25519` (RFC 9864 §2.2).
    Ed25519,
}

/// Every algorithm with its name in the `alg` member, and the names of RFC 9864 beside the old ones.
const NAMES: [(&str, Algorithm); 14] = [
    ("RS256", Algorithm::Rs256),
    ("RS384", Algorithm::Rs384),
    ("RS512", Algorithm::Rs512),
    ("PS256", Algorithm::Ps256),
    ("PS384", Algorithm::Ps384),
    ("PS512", Algorithm::Ps512),
    ("ES256", Algorithm::Es256),
    ("ES384", Algorithm::Es384),
    ("ES512", Algorithm::Es512),
    ("EdDSA", Algorithm::Ed25519),
    ("Ed25519", Algorithm::Ed25519),
    ("HS256", Algorithm::Hs256),
    ("HS384", Algorithm::Hs384),
    ("HS512", Algorithm::Hs512),
];

impl Algorithm {
    /// The algorithm that an `alg` member names (case-sensitive, RFC 7515 §4.1.1); `None` for any other, `none` included.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    /// The name in an `alg` member; the old one where there are two.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, algorithm)| *algorithm == self).map_or("", |(name, _)| *name)
    }

    /// Whether the key is a shared secret (HMAC).
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    /// Whether the key is an RSA key (PKCS#1 v1.5 or PSS).
    pub fn is_rsa(self) -> bool {
        matches!(self, Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512)
    }

    /// The hash of the message that is signed; Ed25519's own is SHA-512 (RFC 8032 §5.1).
    pub fn hash(self) -> Hash {
        match self {
            Self::Hs256 | Self::Rs256 | Self::Ps256 | Self::Es256 => Hash::Sha256,
            Self::Hs384 | Self::Rs384 | Self::Ps384 | Self::Es384 => Hash::Sha384,
            Self::Hs512 | Self::Rs512 | Self::Ps512 | Self::Es512 | Self::Ed25519 => Hash::Sha512,
        }
    }
}

/// A hash function of the SHA-2 family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256
    Sha256,
    /// SHA-384
    Sha384,
    /// SHA-512
    Sha512,
}

impl Hash {
    /// The length of a digest in bytes.
    pub fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of algorithms: an allow-list, or what a host can verify.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlgorithmSet(u16);

impl AlgorithmSet {
    /// The algorithms with asymmetric keys: RS, PS and ES 256/384/512 and Ed25519.
    pub fn asymmetric() -> Self {
        NAMES.iter().map(|(_, algorithm)| *algorithm).filter(|algorithm| !algorithm.is_symmetric()).collect()
    }

    /// Whether `algorithm` is in the set.
    pub fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & Self::bit(algorithm) != 0
    }

    /// Adds `algorithm`.
    pub fn insert(&mut self, algorithm: Algorithm) {
        self.0 |= Self::bit(algorithm);
    }

    /// The members, each once.
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        // An algorithm with two names counts under the first.
        NAMES
            .iter()
            .filter(|(name, algorithm)| *name == algorithm.name())
            .map(|(_, algorithm)| *algorithm)
            .filter(move |algorithm| self.contains(*algorithm))
    }

    const fn bit(algorithm: Algorithm) -> u16 {
        match algorithm {
            Algorithm::Hs256 => 1,
            Algorithm::Hs384 => 1 << 1,
            Algorithm::Hs512 => 1 << 2,
            Algorithm::Rs256 => 1 << 3,
            Algorithm::Rs384 => 1 << 4,
            Algorithm::Rs512 => 1 << 5,
            Algorithm::Ps256 => 1 << 6,
            Algorithm::Ps384 => 1 << 7,
            Algorithm::Ps512 => 1 << 8,
            Algorithm::Es256 => 1 << 9,
            Algorithm::Es384 => 1 << 10,
            Algorithm::Es512 => 1 << 11,
            Algorithm::Ed25519 => 1 << 12,
        }
    }
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<T: IntoIterator<Item = Algorithm>>(algorithms: T) -> Self {
        let mut set = Self::default();
        for algorithm in algorithms {
            set.insert(algorithm);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        for (name, algorithm) in NAMES {
            assert_eq!(Algorithm::from_name(name), Some(algorithm));
        }
        for name in ["none", "None", "", "rs256", "RS256 ", "ES256K", "Ed448", "RSA1_5", "HS1"] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
        assert_eq!(Algorithm::Ed25519.name(), "EdDSA");
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = AlgorithmSet::asymmetric();
        assert_eq!(set.iter().count(), 10);
        assert!(set.contains(Algorithm::Es512));
        assert!(!set.contains(Algorithm::Hs256));
        let all: AlgorithmSet = NAMES.iter().map(|(_, algorithm)| *algorithm).collect();
        assert_eq!(all.iter().count(), 13);
    }
}
