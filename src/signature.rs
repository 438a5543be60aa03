//! Verifying signatures: one question, two backends.
//!
//! The host verifies RS256/384/512 and ES256/384/512 with native code where it can; pure Rust does the rest, and all of it
//! on a host without the function. Which one is in use is decided once, by known answers: a host function counts only for
//! an algorithm for which a good signature passes *and* a flipped bit fails.

mod ecdsa;
mod host;
mod key;
mod known_answers;
mod rsa_key;
mod rust;

use std::fmt;

pub use host::HostCall;
pub use key::{
    Curve, KeyFault, MAX_RSA_BITS, MAX_RSA_EXPONENT, MIN_HMAC_BYTES, MIN_RSA_BITS, PublicKey, SymmetricKey,
};

use crate::algorithm::{Algorithm, AlgorithmSet};
use host::Host;

/// A key that can verify signatures.
#[derive(Clone, Debug)]
pub enum VerifyingKey {
    /// A public key.
    Public(PublicKey),
    /// A shared secret from the configuration; never from the network.
    Symmetric(SymmetricKey),
}

impl VerifyingKey {
    /// Whether signatures of `algorithm` can be verified with this key: kind, curve and size fit.
    pub fn serves(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Public(key) => key.serves(algorithm),
            Self::Symmetric(key) => key.serves(algorithm),
        }
    }
}

/// Verifies signatures with the backends that were found good at start.
pub struct Verifier {
    host: Option<Host>,
    by_host: AlgorithmSet,
}

impl Verifier {
    /// A verifier that asks no host: pure Rust for every algorithm.
    pub fn rust_only() -> Self {
        Self { host: None, by_host: AlgorithmSet::default() }
    }

    /// A verifier that asks `host` for the algorithms for which it gives the known answers, and pure Rust for the others.
    pub fn with_host(host: HostCall) -> Self {
        let host = Host::new(host);
        let by_host = known_answers::passed_by(&host);
        Self { host: Some(host), by_host }
    }

    /// The algorithms that the host verifies.
    pub fn host_algorithms(&self) -> AlgorithmSet {
        self.by_host
    }

    /// Whether `signature` is `key`'s signature of `message` under `algorithm` (RFC 7515 §5.2 step 8).
    ///
    /// A key that does not serve the algorithm verifies nothing.
    pub fn verify(&self, algorithm: Algorithm, key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
        if !key.serves(algorithm) {
            return false;
        }
        match key {
            VerifyingKey::Public(key) => self
                .verify_by_host(algorithm, key, message, signature)
                .unwrap_or_else(|| rust::verify_public(algorithm, key, message, signature)),
            VerifyingKey::Symmetric(key) => rust::verify_symmetric(algorithm, key, message, signature),
        }
    }

    /// The host's answer; `None` when it is not to be asked, or did not answer.
    fn verify_by_host(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        let host = self.host.as_ref().filter(|_| self.by_host.contains(algorithm))?;
        host.verify(algorithm, key, message, signature)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("by_host", &self.by_host).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
