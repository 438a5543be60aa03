//! ECDSA signatures in the two forms that there are.

use super::key::Curve;

// The orders of the curves' groups (FIPS 186-5, SP 800-186 §3.2.1), big-endian.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
const P384_ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a,
    0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];
const P521_ORDER: [u8; 66] = [
    0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfa,
    0x51, 0x86, 0x87, 0x83, 0xbf, 0x2f, 0x96, 0x6b, 0x7f, 0xcc, 0x01, 0x48, 0xf7, 0x09, 0xa5, 0xd0, 0x3b,
    0xb5, 0xc9, 0xb8, 0x89, 0x9c, 0x47, 0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38, 0x64, 0x09,
];

/// The signature `r ‖ s` of JOSE (RFC 7518 §3.4) in DER (RFC 3279 §2.2.3); `None` when it has not the length of its curve, or
/// `r` or `s` is zero or not below the order (SEC 1 §4.1.4 step 1).
pub(super) fn der(curve: Curve, signature: &[u8]) -> Option<Vec<u8>> {
    const SEQUENCE: u8 = 0x30;
    let order: &[u8] = match curve {
        Curve::P256 => &P256_ORDER,
        Curve::P384 => &P384_ORDER,
        Curve::P521 => &P521_ORDER,
    };
    let (r, s) = signature.split_at_checked(order.len()).filter(|(_, s)| s.len() == order.len())?;
    // Both are as long as the order, so their bytes compare as the numbers do.
    let (r, s) = (Integer::new(r).filter(|_| r < order)?, Integer::new(s).filter(|_| s < order)?);
    let length = r.length().saturating_add(s.length());
    let mut der = Vec::with_capacity(length.saturating_add(3));
    der.push(SEQUENCE);
    if length >= 0x80 {
        der.push(0x81);
    }
    der.push(u8::try_from(length).ok()?);
    r.push_to(&mut der)?;
    s.push_to(&mut der)?;
    Some(der)
}

/// A positive number: its bytes without zeros in front, and whether one must stand there because it would else be negative.
struct Integer<'s> {
    digits: &'s [u8],
    has_sign_byte: bool,
}

impl<'s> Integer<'s> {
    /// `None` for zero.
    fn new(bytes: &'s [u8]) -> Option<Self> {
        let digits = bytes.get(bytes.iter().position(|byte| *byte != 0)?..)?;
        Some(Self { digits, has_sign_byte: digits.first().is_some_and(|first| *first >= 0x80) })
    }

    /// With tag and length.
    fn length(&self) -> usize {
        self.content().saturating_add(2)
    }

    fn content(&self) -> usize {
        self.digits.len().saturating_add(usize::from(self.has_sign_byte))
    }

    fn push_to(&self, der: &mut Vec<u8>) -> Option<()> {
        const INTEGER: u8 = 0x02;
        der.push(INTEGER);
        der.push(u8::try_from(self.content()).ok()?);
        if self.has_sign_byte {
            der.push(0);
        }
        der.extend_from_slice(self.digits);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Written = fn(&[u8]) -> Option<Vec<u8>>;

    /// How the crates write a signature.
    const CURVES: [(Curve, &[u8], Written); 3] = [
        (Curve::P256, &P256_ORDER, |signature| {
            Some(p256::ecdsa::Signature::from_slice(signature).ok()?.to_der().as_bytes().to_vec())
        }),
        (Curve::P384, &P384_ORDER, |signature| {
            Some(p384::ecdsa::Signature::from_slice(signature).ok()?.to_der().as_bytes().to_vec())
        }),
        (Curve::P521, &P521_ORDER, |signature| {
            Some(p521::ecdsa::Signature::from_slice(signature).ok()?.to_der().as_bytes().to_vec())
        }),
    ];

    /// Zero, the numbers about the order, and the least and greatest of every length.
    fn numbers(order: &[u8]) -> Vec<Vec<u8>> {
        let (size, last) = (order.len(), order[order.len() - 1]);
        let mut numbers = vec![vec![0; size], vec![0xff; size]];
        numbers.extend([last - 1, last, last + 1].map(|last| [&order[..size - 1], &[last]].concat()));
        for length in 1..=size {
            for first in [1, 0x7f, 0x80, 0xff] {
                numbers.push([vec![0; size - length], vec![first], vec![0x55; length - 1]].concat());
            }
        }
        numbers
    }

    #[test]
    fn signatures_are_written_as_the_crates_write_them() {
        for (curve, order, written) in CURVES {
            let numbers = numbers(order);
            let mut good = 0;
            for (index, r) in numbers.iter().enumerate() {
                for s in numbers.iter().skip(index % 3).step_by(3).chain(&numbers[..5]) {
                    let signature = [r.as_slice(), s].concat();
                    assert_eq!(der(curve, &signature), written(&signature), "{signature:02x?}");
                    good += usize::from(der(curve, &signature).is_some());
                }
            }
            assert!(good > 1000, "{good}");
        }
    }

    #[test]
    fn a_signature_has_the_length_of_its_curve() {
        for (curve, order, _) in CURVES {
            let size = curve.coordinate_bytes();
            assert_eq!(order.len(), size);
            let good = [1; 66 * 2 + 1];
            assert!(der(curve, &good[..size * 2]).is_some());
            for length in [0, size, size * 2 - 1, size * 2 + 1] {
                assert_eq!(der(curve, &good[..length]), None, "{length}");
            }
        }
    }
}
