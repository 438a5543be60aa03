//! The arithmetic against that of the crate `rsa`, and what of an encoded message is looked at. The examples of the RFCs are in
//! `tests/rfc_examples.rs`, Wycheproof's vectors in `tests/native_vectors.rs`.

mod encoded;

use rsa::BigUint;

use super::RsaKey;
use crate::signature::{MAX_RSA_BITS, MAX_RSA_EXPONENT, MIN_RSA_BITS};

const EXPONENTS: [u64; 9] =
    [3, 5, 17, 257, 65537, 0x1_0001_0001, 0xffff_ffff, MAX_RSA_EXPONENT - 2, MAX_RSA_EXPONENT];

/// The same numbers in every run (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// Below 2^`bits`: of any digits, or of long runs of equal bits, over which carries and borrows go far.
    fn below(&mut self, bits: usize) -> BigUint {
        let length = bits.div_ceil(8);
        let mut bytes = self.bytes(length);
        if self.next().is_multiple_of(2) {
            let mut from = 0;
            while from < length {
                let run = usize::try_from(self.next() % 60).unwrap() + 1;
                let byte = if self.next().is_multiple_of(2) { 0 } else { 0xff };
                bytes[from..length.min(from + run)].fill(byte);
                from += run + 1;
            }
        }
        BigUint::from_bytes_be(&bytes) % two_to(bits)
    }

    fn modulus(&mut self, bits: usize) -> BigUint {
        odd(two_to(bits - 1) + self.below(bits - 1))
    }
}

fn two_to(bits: usize) -> BigUint {
    BigUint::from(1_u8) << bits
}

fn odd(number: BigUint) -> BigUint {
    if &number % 2_u8 == BigUint::from(1_u8) { number } else { number + 1_u8 }
}

/// As long as the modulus; longer if the number is.
fn bytes(number: &BigUint, modulus: &BigUint) -> Vec<u8> {
    let digits = number.to_bytes_be();
    [vec![0; modulus.bits().div_ceil(8).saturating_sub(digits.len())], digits].concat()
}

fn key(modulus: &BigUint, exponent: u64) -> RsaKey {
    RsaKey::new(&modulus.to_bytes_be(), modulus.bits(), exponent).unwrap()
}

/// Compares the power of every base, where it is below the modulus, with the crate's.
fn compare(modulus: &BigUint, exponent: u64, bases: &[BigUint]) {
    let key = key(modulus, exponent);
    for base in bases {
        let power = base.modpow(&BigUint::from(exponent), modulus);
        assert_eq!(
            key.power(&bytes(base, modulus)),
            (base < modulus).then(|| bytes(&power, modulus)),
            "{base:x} to the power of {exponent} modulo {modulus:x}"
        );
    }
}

/// Zero and one, the middle, and the numbers about the modulus.
fn edges(modulus: &BigUint) -> Vec<BigUint> {
    let mut edges: Vec<_> = (0_u8..4).map(BigUint::from).collect();
    edges.extend([modulus - 2_u8, modulus - 1_u8, modulus.clone(), modulus + 1_u8]);
    edges.extend([
        modulus >> 1,
        (modulus >> 1) + 1_u8,
        two_to(modulus.bits() - 1),
        two_to(modulus.bits()) - 1_u8,
    ]);
    edges
}

#[test]
fn powers_of_random_numbers_are_those_of_the_crate() {
    let mut numbers = Numbers(1);
    for round in 0..60 {
        let bits = MIN_RSA_BITS + usize::try_from(numbers.next()).unwrap() % [1, 9, 2049][round % 3];
        let modulus = numbers.modulus(bits);
        let bases = [numbers.below(bits), numbers.below(bits)];
        compare(&modulus, EXPONENTS[round % EXPONENTS.len()], &bases);
        compare(&modulus, (numbers.next() % MAX_RSA_EXPONENT).max(2) | 1, &bases[..1]);
    }
}

/// A limb has 27 bits, and limbs come in fours: every way in which the highest one can be filled.
#[test]
fn every_size_of_modulus_has_its_powers() {
    let mut numbers = Numbers(2);
    let around = |bits: usize| bits - 3..=bits + 3;
    let sizes = (MIN_RSA_BITS..MIN_RSA_BITS + 130).chain([3072, 4096].into_iter().flat_map(around));
    for bits in sizes.chain([MAX_RSA_BITS - 1, MAX_RSA_BITS]) {
        let modulus = numbers.modulus(bits);
        assert_eq!(modulus.bits(), bits);
        compare(&modulus, 3, &[modulus.clone() - 1_u8, numbers.below(bits), two_to(bits) - 1_u8]);
        // As many bytes as the modulus, but more bits; some have no place in its limbs.
        let beyond: Vec<_> = (bits..bits.next_multiple_of(8)).map(|bit| two_to(bit) + 5_u8).collect();
        compare(&modulus, 3, &beyond);
    }
}

#[test]
fn edges_have_their_powers() {
    let mut numbers = Numbers(3);
    for bits in [2048, 2051, 2052, 2053, 2160, 3072, 4096] {
        for modulus in [
            two_to(bits) - 1_u8,
            two_to(bits - 1) + 1_u8,
            two_to(bits) - two_to(bits - 32) + 1_u8,
            two_to(bits - 1) + two_to(bits - 32) - 1_u8,
            two_to(bits) - two_to(bits / 2) - 1_u8,
            two_to(bits) - two_to(27) + 1_u8,
            numbers.modulus(bits),
        ] {
            compare(&modulus, 3, &edges(&modulus));
        }
    }
    for exponent in EXPONENTS {
        let modulus = numbers.modulus(2048);
        compare(&modulus, exponent, &edges(&modulus));
    }
}

/// Where every limb is as large as it can be, no column overflows: in tests that would be a panic.
#[test]
fn the_largest_columns_have_room() {
    for modulus in [two_to(MAX_RSA_BITS) - 1_u8, two_to(MAX_RSA_BITS) - two_to(27) - 1_u8] {
        compare(&modulus, 5, &edges(&modulus));
    }
}

#[test]
fn what_is_not_as_long_as_the_modulus_has_no_power() {
    let modulus = Numbers(4).modulus(2049);
    let key = key(&modulus, 65537);
    let two = BigUint::from(2_u8);
    let good = bytes(&two, &modulus);
    assert_eq!(good.len(), 257);
    assert!(key.power(&good).is_some());
    for bad in [&good[1..], &[&[0], good.as_slice()].concat(), &two.to_bytes_be(), &[], &vec![0; 1000]] {
        assert_eq!(key.power(bad), None);
    }
}
