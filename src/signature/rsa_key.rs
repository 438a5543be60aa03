//! RSA signatures, verified (RFC 8017 §8): PKCS#1 v1.5 and PSS with keys of every size that the filter takes.
//!
//! The arithmetic is our own: in WebAssembly that of the crate `rsa`, made for machines with a carry flag, takes ten times as
//! long. It is for public keys alone, of which nothing is secret, and so takes the time that its numbers make it take.
//! `modulus.rs` makes the power, with the loops of `limbs.rs`; `encoding.rs` says what it must be. Unit tests and `fuzz/` compare
//! all of it with the crate.

mod encoding;
mod limbs;
mod modulus;

use crate::algorithm::Algorithm;
use modulus::Modulus;

/// An RSA public key.
#[derive(Clone)]
pub(super) struct RsaKey {
    modulus: Modulus,
    exponent: u64,
}

impl RsaKey {
    /// The key of the odd modulus `n`, big-endian and without zeros in front, of `bits` bits, and an odd exponent from 3;
    /// `None` if the modulus has more bits.
    pub(super) fn new(n: &[u8], bits: usize, exponent: u64) -> Option<Self> {
        Some(Self { modulus: Modulus::new(n, bits)?, exponent })
    }

    /// Whether `signature` is good (RFC 8017 §8.1.2 and §8.2.2); false for an algorithm that is not RSA's.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let hash = algorithm.hash();
        algorithm.is_rsa()
            && self.power(signature).is_some_and(|power| {
                if matches!(algorithm, Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512) {
                    encoding::is_pss(hash, message, &power, self.modulus.bits())
                } else {
                    power == encoding::pkcs1(hash, message, power.len())
                }
            })
    }

    /// The signature to the power of the exponent, as long as the modulus (RFC 8017 §5.2.2); `None` unless the signature is as
    /// long as the modulus, and a lesser number.
    pub(super) fn power(&self, signature: &[u8]) -> Option<Vec<u8>> {
        self.modulus.power(signature, self.exponent)
    }
}

#[cfg(test)]
mod tests;
