//! Lists of headers as the proxy-wasm ABI passes them: a count, the lengths of each name and value, then the bytes, each
//! followed by a NUL; all numbers are 32 bits, little-endian.

use std::borrow::Cow;

/// A name and its value, as bytes.
pub type Header<'b> = (Cow<'b, [u8]>, Cow<'b, [u8]>);

/// Headers in their order.
pub type Pairs<'b> = Vec<Header<'b>>;

/// Reads a list, without a copy; `None` when the lengths do not fit the bytes.
pub fn parse(bytes: &[u8]) -> Option<Pairs<'_>> {
    let (count, mut lengths) = take_number(bytes)?;
    // Each pair has eight bytes of lengths: no count can make this allocate more than the bytes warrant.
    let mut data = lengths.get(count.checked_mul(8)?..)?;
    let mut pairs = Pairs::with_capacity(count);
    for _ in 0..count {
        let (name_length, rest) = take_number(lengths)?;
        let (value_length, rest) = take_number(rest)?;
        lengths = rest;
        let (name, rest) = take_bytes(data, name_length)?;
        let (value, rest) = take_bytes(rest, value_length)?;
        data = rest;
        pairs.push((Cow::Borrowed(name), Cow::Borrowed(value)));
    }
    Some(pairs)
}

/// Writes a list.
pub fn serialize(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = number(pairs.len()).to_vec();
    for (name, value) in pairs {
        bytes.extend(number(name.len()));
        bytes.extend(number(value.len()));
    }
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend(text.as_bytes());
        bytes.push(0);
    }
    bytes
}

fn number(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

fn take_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

fn take_bytes(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(length)?;
    Some((text, rest.strip_prefix(&[0])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for pairs in [&[][..], &[("a", "1"), ("", ""), (":path", "/x")][..]] {
            let expected: Pairs<'_> =
                pairs.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect();
            assert_eq!(parse(&serialize(pairs)), Some(expected));
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let good = serialize(&[("name", "value"), ("other", "")]);
        for length in 0..good.len() {
            assert_eq!(parse(good.get(..length).unwrap()), None, "{length}");
        }
        for lie in [[0xff; 4], [3, 0, 0, 0]] {
            let mut bytes = good.clone();
            bytes[..4].copy_from_slice(&lie);
            assert_eq!(parse(&bytes), None);
        }
        assert_eq!(
            parse(&[1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, b'a', b'x', 0]),
            None,
            "no NUL after the name"
        );
    }
}
