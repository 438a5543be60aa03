//! What signatures verify, by keys of which the tests have the private half: good ones, and encoded messages that are not quite
//! what they must be, under a signature that is.

use rand_core::{CryptoRng, RngCore};
use rsa::{
    BigUint, Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey,
    traits::{PrivateKeyParts, PublicKeyParts},
};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{Numbers, bytes, two_to};
use crate::{algorithm::Algorithm, signature::rsa_key::RsaKey};

const MESSAGE: &[u8] = b"message";

impl RngCore for Numbers {
    fn next_u32(&mut self) -> u32 {
        u32::try_from(self.next() >> 32).unwrap()
    }

    fn next_u64(&mut self) -> u64 {
        self.next()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.bytes(bytes.len()));
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

/// Of tests alone.
impl CryptoRng for Numbers {}

struct Pair {
    private: RsaPrivateKey,
    public: RsaKey,
}

impl Pair {
    fn of(bits: usize, exponent: u64) -> Self {
        let private = RsaPrivateKey::new_with_exp(&mut Numbers(5), bits, &BigUint::from(exponent)).unwrap();
        let public = RsaKey::new(&private.n().to_bytes_be(), private.n().bits(), exponent).unwrap();
        Self { private, public }
    }

    /// The signature whose power is this encoded message.
    fn sign(&self, encoded: &[u8]) -> Vec<u8> {
        let n = self.private.n();
        bytes(&BigUint::from_bytes_be(encoded).modpow(self.private.d(), n), n)
    }

    /// Whether the crate takes the signature.
    fn is_good_for_the_crate(&self, algorithm: Algorithm, signature: &[u8]) -> bool {
        let key = RsaPublicKey::from(&self.private);
        let (d256, d384, d512) = (Sha256::digest(MESSAGE), Sha384::digest(MESSAGE), Sha512::digest(MESSAGE));
        match algorithm.name() {
            "RS256" => key.verify(Pkcs1v15Sign::new::<Sha256>(), &d256, signature),
            "RS384" => key.verify(Pkcs1v15Sign::new::<Sha384>(), &d384, signature),
            "RS512" => key.verify(Pkcs1v15Sign::new::<Sha512>(), &d512, signature),
            "PS256" => key.verify(Pss::new_with_salt::<Sha256>(32), &d256, signature),
            "PS384" => key.verify(Pss::new_with_salt::<Sha384>(48), &d384, signature),
            _ => key.verify(Pss::new_with_salt::<Sha512>(64), &d512, signature),
        }
        .is_ok()
    }
}

const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

/// Signs [`MESSAGE`] by the crate.
fn signed(pair: &Pair, algorithm: Algorithm) -> Vec<u8> {
    let mut numbers = Numbers(6);
    let (d256, d384, d512) = (Sha256::digest(MESSAGE), Sha384::digest(MESSAGE), Sha512::digest(MESSAGE));
    let key = &pair.private;
    match algorithm.name() {
        "RS256" => key.sign(Pkcs1v15Sign::new::<Sha256>(), &d256),
        "RS384" => key.sign(Pkcs1v15Sign::new::<Sha384>(), &d384),
        "RS512" => key.sign(Pkcs1v15Sign::new::<Sha512>(), &d512),
        "PS256" => key.sign_with_rng(&mut numbers, Pss::new_with_salt::<Sha256>(32), &d256),
        "PS384" => key.sign_with_rng(&mut numbers, Pss::new_with_salt::<Sha384>(48), &d384),
        _ => key.sign_with_rng(&mut numbers, Pss::new_with_salt::<Sha512>(64), &d512),
    }
    .unwrap()
}

/// Sizes whose encoded messages under PSS leave 0, 1, 2 and 7 bits of their first byte unused, and both usual exponents.
#[test]
fn signatures_of_the_crate_verify_and_nothing_near_them() {
    for (bits, exponent) in [(2048, 65537), (2049, 3), (2050, 65537), (2055, 17)] {
        let pair = Pair::of(bits, exponent);
        for algorithm in ALGORITHMS {
            let good = signed(&pair, algorithm);
            assert!(pair.public.verify(algorithm, MESSAGE, &good), "{algorithm} {bits}");
            assert!(!pair.public.verify(algorithm, b"another", &good), "{algorithm} {bits}");
            for other in ALGORITHMS.into_iter().filter(|other| *other != algorithm) {
                assert!(!pair.public.verify(other, MESSAGE, &good), "{algorithm} as {other} {bits}");
            }
            for position in [0, 1, 100, good.len() - 1] {
                let mut bad = good.clone();
                bad[position] ^= 1;
                assert!(!pair.public.verify(algorithm, MESSAGE, &bad), "{algorithm} {bits} {position}");
                assert!(!pair.is_good_for_the_crate(algorithm, &bad));
            }
        }
    }
}

/// `s` + `n` has the power of `s` (RFC 8017 §5.2.2 step 1); the crate's PSS takes it.
#[test]
fn a_signature_has_one_form() {
    let pair = Pair::of(2049, 65537);
    for algorithm in ALGORITHMS {
        let good = signed(&pair, algorithm);
        let other = bytes(&(BigUint::from_bytes_be(&good) + pair.private.n()), pair.private.n());
        assert_eq!(other.len(), good.len());
        assert!(!pair.public.verify(algorithm, MESSAGE, &other), "{algorithm}");
        assert_eq!(pair.is_good_for_the_crate(algorithm, &other), algorithm.name().starts_with('P'));
    }
}

/// `DigestInfo` of SHA-256 without the digest.
const INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];

#[test]
fn pkcs1_is_compared_to_the_last_bit() {
    let pair = Pair::of(2048, 3);
    let digest = Sha256::digest(MESSAGE);
    let encoded = |front: &[u8], padding: usize, info: &[u8], digest: &[u8], behind: usize| {
        [front, &vec![0xff; padding], &[0], info, digest, &vec![0; behind]].concat()
    };
    let is_good = |encoded: Vec<u8>| {
        assert_eq!(encoded.len(), 256);
        let signature = pair.sign(&encoded);
        let verdict = pair.public.verify(Algorithm::Rs256, MESSAGE, &signature);
        assert_eq!(verdict, pair.is_good_for_the_crate(Algorithm::Rs256, &signature));
        verdict
    };
    assert!(is_good(encoded(&[0, 1], 202, &INFO, &digest, 0)));
    let (without_null, with_null) =
        ([&INFO[..1], &[0x2f, 0x30, 0x0b], &INFO[4..15], &INFO[17..]].concat(), INFO);
    let mut pierced = encoded(&[0, 1], 202, &INFO, &digest, 0);
    pierced[100] = 0xfe;
    for (name, bad) in [
        ("block type 2", encoded(&[0, 2], 202, &INFO, &digest, 0)),
        ("block type 0", encoded(&[0, 0], 202, &INFO, &digest, 0)),
        ("a first byte that is not zero", encoded(&[1, 1], 202, &INFO, &digest, 0)),
        ("something behind the digest", encoded(&[0, 1], 8, &INFO, &digest, 194)),
        ("something in the padding", pierced),
        ("no NULL", encoded(&[0, 1], 204, &without_null, &digest, 0)),
        ("SHA-224", encoded(&[0, 1], 202, &[&with_null[..14], &[4, 5, 0, 4, 0x20]].concat(), &digest, 0)),
        ("no DigestInfo", encoded(&[0, 1], 221, &[], &digest, 0)),
        ("a digest cut short", encoded(&[0, 1], 203, &INFO, &digest[..31], 0)),
        ("another digest", encoded(&[0, 1], 202, &INFO, &Sha256::digest(b"another"), 0)),
    ] {
        assert!(!is_good(bad), "{name}");
    }
}

/// The encoded message of PSS with SHA-256 (RFC 8017 §9.1.1), with these bytes in front of the salt, to the left of it.
fn pss(bits: usize, padding_and_separator: &[u8], salt: &[u8]) -> Vec<u8> {
    let length = bits.div_ceil(8);
    let salted = Sha256::digest([&[0; 8], &Sha256::digest(MESSAGE)[..], salt].concat());
    let content = [padding_and_separator, salt].concat();
    let block = [vec![0; length - 33 - content.len()], content].concat();
    let mask = (0_u8..).flat_map(|counter| Sha256::digest([&salted[..], &[0, 0, 0, counter]].concat()));
    let mut block: Vec<u8> = block.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
    block[0] &= 0xff >> (8 * length - bits);
    [block, salted.to_vec(), vec![0xbc]].concat()
}

#[test]
fn pss_is_looked_at_to_the_last_bit() {
    for bits in [2048, 2049, 2052] {
        let pair = Pair::of(bits, 65537);
        let is_good = |encoded: &[u8]| {
            let signature = pair.sign(encoded);
            let verdict = pair.public.verify(Algorithm::Ps256, MESSAGE, &signature);
            (verdict, pair.is_good_for_the_crate(Algorithm::Ps256, &signature))
        };
        let salt = [7; 64];
        let good = pss(bits - 1, &[1], &salt[..32]);
        assert_eq!(is_good(&good), (true, true));
        let mut trailer = good.clone();
        *trailer.last_mut().unwrap() = 0xcc;
        for (name, bad) in [
            ("no salt", pss(bits - 1, &[1], &[])),
            ("a salt that is too short", pss(bits - 1, &[1], &salt[..31])),
            ("a salt that is too long", pss(bits - 1, &[1], &salt[..33])),
            ("a salt of another hash", pss(bits - 1, &[1], &salt[..48])),
            ("no separator", pss(bits - 1, &[0], &salt[..32])),
            ("another separator", pss(bits - 1, &[2], &salt[..32])),
            ("something in the padding", pss(bits - 1, &[1, 1], &salt[..32])),
            (
                "something in the padding's front",
                pss(bits - 1, &[&[1], &[0; 180][..], &[1]].concat(), &salt[..32]),
            ),
            ("another trailer", trailer),
        ] {
            assert_eq!(is_good(&bad), (false, false), "{name} {bits}");
        }
        // A bit that the encoded message has no place for. Where that is a byte of its own, the crate leaves it out.
        let unused = (0..=255).map(|first| pss(bits - 1, &[1], &[&[first], &salt[..31]].concat()));
        let mut unused = unused.map(|encoded| BigUint::from_bytes_be(&encoded) + two_to(bits - 1));
        let unused = unused.find(|encoded| encoded < pair.private.n()).expect("a modulus with room above");
        assert_eq!(is_good(&unused.to_bytes_be()), (false, bits == 2049), "{bits}");
    }
}
