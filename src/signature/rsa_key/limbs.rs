//! Natural numbers as limbs, and the loops that multiply them and reduce what comes of it: where the time of an RSA signature
//! goes.
//!
//! A limb has 27 of the 64 bits that hold it, so that a column of a product is summed up whole before anything is carried:
//! plain WebAssembly has neither a carry flag nor the upper half of a product, and both are dear to make up for. How long the
//! loops take depends on the numbers; they are for public ones alone.

use crate::signature::key::MAX_RSA_BITS;

/// The bits of a limb.
pub(super) const LIMB_BITS: usize = 27;

/// What a limb can hold.
pub(super) const LIMB_MASK: u64 = (1 << LIMB_BITS) - 1;

/// Four limbs, the lowest first. A product is made of four rows at once, so that a column is fetched and stored once for four
/// multiplications.
pub(super) type Quad = [u64; 4];

/// The bits of a [`Quad`].
const QUAD_BITS: usize = 4 * LIMB_BITS;

/// The quads of a number below 4`n`, where `n` has `bits` bits.
pub(super) const fn quads(bits: usize) -> usize {
    bits.saturating_add(2).div_ceil(QUAD_BITS)
}

// The bound that the loops below rely on. A column of a product has at most one summand for each limb of a factor, and while
// the product is reduced it gets as many again: products of two limbs all of them, so each less than 2^54. A carry is what is
// left of 64 bits when a limb is taken off, and less than that, too. 64 bits have room for 2^10 such summands.
const _: () = {
    let summands = 2 * 4 * quads(MAX_RSA_BITS) + 1;
    assert!(summands <= 1 << (64 - 2 * LIMB_BITS), "a column of the largest modulus overflows");
};

/// The number that `bytes` are, the highest first; `None` if there is no place for it in so many quads.
pub(super) fn from_bytes(bytes: &[u8], quads: usize) -> Option<Vec<Quad>> {
    let mut number = vec![[0; 4]; quads];
    let mut bytes = bytes.iter().rev();
    let (mut held, mut bits) = (0, 0_usize);
    for limb in number.as_flattened_mut() {
        while bits < LIMB_BITS {
            held |= u64::from(*bytes.next().unwrap_or(&0)) << bits;
            bits = bits.wrapping_add(8);
        }
        *limb = held & LIMB_MASK;
        held >>= LIMB_BITS;
        bits = bits.wrapping_sub(LIMB_BITS);
    }
    (held == 0 && bytes.all(|byte| *byte == 0)).then_some(number)
}

/// The lowest `length` bytes of a number, the highest first.
pub(super) fn to_bytes(number: &[Quad], length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length.saturating_add(size_of::<Quad>()));
    let (mut held, mut bits) = (0, 0_usize);
    for limb in number.as_flattened() {
        held |= limb << bits;
        bits = bits.wrapping_add(LIMB_BITS);
        while bits >= 8 {
            let [lowest, ..] = held.to_le_bytes();
            bytes.push(lowest);
            held >>= 8;
            bits = bits.wrapping_sub(8);
        }
    }
    let [last, ..] = held.to_le_bytes();
    bytes.push(last);
    bytes.resize(length, 0);
    bytes.reverse();
    bytes
}

/// Whether `a` is less than `b`, which has as many quads.
pub(super) fn is_below(a: &[Quad], b: &[Quad]) -> bool {
    a.as_flattened().iter().rev().lt(b.as_flattened().iter().rev())
}

/// Takes `b` from `a`, which is not less and has as many quads.
#[expect(clippy::arithmetic_side_effects, reason = "both are limbs, and the borrow is 0 or −1")]
pub(super) fn subtract(a: &mut [Quad], b: &[Quad]) {
    let mut borrow = 0;
    for (a, b) in a.as_flattened_mut().iter_mut().zip(b.as_flattened()) {
        let difference = a.cast_signed() - b.cast_signed() + borrow;
        *a = difference.cast_unsigned() & LIMB_MASK;
        borrow = difference >> LIMB_BITS;
    }
    debug_assert_eq!(borrow, 0, "a is not less than b");
}

/// The number divided by 2^`bits`, where that is less than 2^64.
pub(super) fn shifted_right(number: &[Quad], bits: usize) -> u64 {
    let (skipped, shift) = (bits / LIMB_BITS, bits % LIMB_BITS);
    let limbs = number.as_flattened().iter().skip(skipped);
    // Four limbs have 82 bits at least when the shift has taken some off.
    let shifted = limbs.take(4).rev().fold(0, |high, limb| (high << LIMB_BITS) | u128::from(*limb)) >> shift;
    u64::try_from(shifted).unwrap_or(u64::MAX)
}

/// Writes the columns of `a` · `b` to `product`, uncarried; it has the quads of both together, `a` as many as `b`.
#[inline(never)]
pub(super) fn multiply(product: &mut [Quad], a: &[Quad], b: &[Quad]) {
    product.fill([0; 4]);
    let mut columns = product;
    for rows in a {
        add_rows(columns, *rows, b, [0; 3]);
        columns = columns.split_first_mut().map_or(&mut [], |(_, higher)| higher);
    }
}

/// Writes the columns of `a`² to `product`, uncarried; it has twice the quads of `a`.
///
/// Every product of two different limbs is there twice, so that twice the one, times the other, saves half of them.
#[inline(never)]
#[expect(clippy::arithmetic_side_effects, reason = "no sum overflows: see the bound at the top of this file")]
pub(super) fn square(product: &mut [Quad], a: &[Quad]) {
    product.fill([0; 4]);
    let (mut columns, mut rest) = (product, a);
    while let ([low, high, ..], [first, higher @ ..]) = (&mut *columns, rest) {
        let [a0, a1, a2, a3] = *first;
        let twice @ [b0, b1, b2, _] = first.map(|limb| 2 * limb);
        low[0] += a0 * a0;
        low[1] += b0 * a1;
        low[2] += b0 * a2 + a1 * a1;
        low[3] += b0 * a3 + b1 * a2;
        high[0] += b1 * a3 + a2 * a2;
        high[1] += b2 * a3;
        high[2] += a3 * a3;
        if let Some((_, above)) = columns.split_first_mut() {
            add_rows(above, twice, higher, [0; 3]);
        }
        columns = columns.split_at_mut_checked(2).map_or(&mut [], |(_, above)| above);
        rest = higher;
    }
}

/// Writes to `residue` the columns divided by 2^`LIMB_BITS` once for each limb of `n`, modulo `n` (Montgomery's reduction):
/// a multiple of `n` is added that makes the lower half of the columns zero, and the upper half is carried.
///
/// `inverse` is −`n`⁻¹ modulo 2^`LIMB_BITS`. Where the columns come to less than 4`n`², the residue is less than 2`n`, if
/// 4`n` can be written in the limbs of `n`.
#[inline(never)]
#[expect(clippy::arithmetic_side_effects, reason = "no sum overflows: see the bound at the top of this file")]
pub(super) fn reduce(residue: &mut [Quad], columns: &mut [Quad], n: &[Quad], inverse: u64) {
    let Some((first, higher)) = n.split_first() else { return };
    let [n0, n1, n2, n3] = *first;
    let mut columns = columns;
    let mut carry = 0;
    for _ in n {
        let Some((lowest, above)) = columns.split_first_mut() else { return };
        // What of `n` makes the lowest four columns zero, one after the other: none of these sums leaves anything but a carry.
        let factor = |sum: u64| sum.wrapping_mul(inverse) & LIMB_MASK;
        let sum = lowest[0] + carry;
        let m0 = factor(sum);
        let sum = lowest[1] + m0 * n1 + ((sum + m0 * n0) >> LIMB_BITS);
        let m1 = factor(sum);
        let sum = lowest[2] + m0 * n2 + m1 * n1 + ((sum + m1 * n0) >> LIMB_BITS);
        let m2 = factor(sum);
        let sum = lowest[3] + m0 * n3 + m1 * n2 + m2 * n1 + ((sum + m2 * n0) >> LIMB_BITS);
        let m3 = factor(sum);
        carry = (sum + m3 * n0) >> LIMB_BITS;
        add_rows(above, [m0, m1, m2, m3], higher, [n1, n2, n3]);
        columns = above;
    }
    for (limb, column) in residue.as_flattened_mut().iter_mut().zip(columns.as_flattened()) {
        let sum = column + carry;
        *limb = sum & LIMB_MASK;
        carry = sum >> LIMB_BITS;
    }
    debug_assert_eq!(carry, 0, "the residue is less than 2n");
}

/// Adds four rows of a product to the columns: each limb of `number` times each of the `rows`. `before` are the three limbs
/// that `number` has below; what they come to with `rows` in the columns below is not added.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the loop is part of those that call it, whose time it is")]
#[expect(clippy::arithmetic_side_effects, reason = "no sum overflows: see the bound at the top of this file")]
fn add_rows(columns: &mut [Quad], rows: Quad, number: &[Quad], before: [u64; 3]) {
    let Some((columns, [top, ..])) = columns.split_at_mut_checked(number.len()) else { return };
    let [r0, r1, r2, r3] = rows;
    let [mut b1, mut b2, mut b3] = before;
    for (column, &[n0, n1, n2, n3]) in columns.iter_mut().zip(number) {
        let [c0, c1, c2, c3] = *column;
        *column = [
            c0 + r0 * n0 + r1 * b3 + r2 * b2 + r3 * b1,
            c1 + r0 * n1 + r1 * n0 + r2 * b3 + r3 * b2,
            c2 + r0 * n2 + r1 * n1 + r2 * n0 + r3 * b3,
            c3 + r0 * n3 + r1 * n2 + r2 * n1 + r3 * n0,
        ];
        [b1, b2, b3] = [n1, n2, n3];
    }
    top[0] += r1 * b3 + r2 * b2 + r3 * b1;
    top[1] += r2 * b3 + r3 * b2;
    top[2] += r3 * b3;
}
