//! Powers modulo an RSA modulus (RFC 8017 §5.2.2), by Montgomery's multiplication. Of public numbers alone: the time depends on
//! them.

use std::mem;

use super::limbs::{self, LIMB_BITS, LIMB_MASK, Quad};

/// An odd modulus `n`, with what of it each multiplication needs.
///
/// A residue is a number below 2`n`, and in Montgomery's form a number `x` is the residue `x` · 2^(`LIMB_BITS` · limbs).
#[derive(Clone)]
pub(super) struct Modulus {
    limbs: Vec<Quad>,
    bits: usize,
    /// −`n`⁻¹ modulo 2^`LIMB_BITS`.
    inverse: u64,
    /// The highest [`HIGH_BITS`] bits of `n`.
    high: u64,
}

/// How much of a modulus is looked at to estimate a quotient.
const HIGH_BITS: usize = 32;

impl Modulus {
    /// The odd number of `bits` bits that `bytes` are, big-endian; `None` if it has more.
    pub(super) fn new(bytes: &[u8], bits: usize) -> Option<Self> {
        let limbs = limbs::from_bytes(bytes, limbs::quads(bits))?;
        let lowest = limbs.as_flattened().first().copied().unwrap_or_default();
        let high = limbs::shifted_right(&limbs, bits.saturating_sub(HIGH_BITS));
        Some(Self { limbs, bits, inverse: inverse(lowest).wrapping_neg() & LIMB_MASK, high })
    }

    /// The size of the modulus in bits.
    pub(super) fn bits(&self) -> usize {
        self.bits
    }

    /// The length of the modulus in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bits.div_ceil(8)
    }

    /// `base` to the power of an odd `exponent` from 3, modulo `n`, big-endian and as long as `n`; `None` unless `base` is as
    /// long as `n`, and less.
    pub(super) fn power(&self, base: &[u8], exponent: u64) -> Option<Vec<u8>> {
        if base.len() != self.bytes() {
            return None;
        }
        let base = limbs::from_bytes(base, self.limbs.len())?;
        if !limbs::is_below(&base, &self.limbs) {
            return None;
        }
        let factor = self.in_montgomery_form(&base);
        let mut power = Power {
            modulus: self,
            residue: factor.clone(),
            product: vec![[0; 4]; self.limbs.len().saturating_mul(2)],
        };
        // From the second-highest bit of the exponent to its second-lowest one.
        let even = exponent >> 1;
        for bit in (0..even.checked_ilog2().unwrap_or_default()).rev() {
            power.square();
            if (even >> bit) & 1 == 1 {
                power.multiply(&factor);
            }
        }
        // The lowest bit is 1; with a factor that is not in Montgomery's form, the product is not, either.
        power.square();
        power.multiply(&base);
        if !limbs::is_below(&power.residue, &self.limbs) {
            limbs::subtract(&mut power.residue, &self.limbs);
        }
        Some(limbs::to_bytes(&power.residue, self.bytes()))
    }

    /// The residue of `number` times 2^[`LIMB_BITS`], once for each limb: schoolbook division, whose quotient nobody needs.
    ///
    /// To multiply by a residue made beforehand would be as fast, and each key would have to be prepared for it.
    fn in_montgomery_form(&self, number: &[Quad]) -> Vec<Quad> {
        let mut residue = number.to_vec();
        for _ in number.as_flattened() {
            self.shift_by_a_limb(&mut residue);
        }
        residue
    }

    /// Makes `residue` · 2^[`LIMB_BITS`] of a residue, modulo `n` and again less than 2`n`.
    ///
    /// With `h` the highest 32 bits of `n` and `k` the number of those below, `H` = ⌊residue · 2^`LIMB_BITS` / 2^`k`⌋ is less
    /// than 2^60, and `q` = ⌊`H` / (`h` + 1)⌋ less than 2^29 and not more than the quotient. What is left is less than 2`n`:
    /// the quotient is less than (`H` + 1) / `h`, so at most (`q` + 1)(`h` + 1) / `h`, which is `q` + 1 + (`q` + 1) / `h`,
    /// and `h` is 2^31 at least.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "the estimate is less than 2^29, so its product with a limb less than 2^56, and the carry less than 2^30"
    )]
    fn shift_by_a_limb(&self, residue: &mut [Quad]) {
        let high = limbs::shifted_right(residue, self.bits.saturating_sub(HIGH_BITS + LIMB_BITS));
        let estimate = high / (self.high + 1);
        let (mut lower, mut carry) = (0_u64, 0);
        for (limb, n) in residue.as_flattened_mut().iter_mut().zip(self.limbs.as_flattened()) {
            let difference = lower.cast_signed() - (estimate * n).cast_signed() + carry;
            lower = mem::replace(limb, difference.cast_unsigned() & LIMB_MASK);
            carry = difference >> LIMB_BITS;
        }
        debug_assert_eq!(lower.cast_signed() + carry, 0, "the residue is less than 2n");
    }
}

/// A power that is being made, in Montgomery's form.
struct Power<'m> {
    modulus: &'m Modulus,
    residue: Vec<Quad>,
    /// Room for a product.
    product: Vec<Quad>,
}

impl Power<'_> {
    fn square(&mut self) {
        limbs::square(&mut self.product, &self.residue);
        self.reduce();
    }

    fn multiply(&mut self, factor: &[Quad]) {
        limbs::multiply(&mut self.product, &self.residue, factor);
        self.reduce();
    }

    fn reduce(&mut self) {
        limbs::reduce(&mut self.residue, &mut self.product, &self.modulus.limbs, self.modulus.inverse);
    }
}

/// The inverse of an odd number modulo 2^64 (Newton's iteration: each step doubles the bits that are right, from three).
fn inverse(odd: u64) -> u64 {
    (0..5).fold(odd, |inverse, _| inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse))))
}
