//! Base64url as compact tokens have it: the alphabet of RFC 4648 §5, without padding (RFC 7515 §2), up to the next dot.
//!
//! All of a token goes through here, and it is twice as fast in a WebAssembly module as the general decoder. That one still names the
//! fault of what is refused here.

/// What no byte of the alphabet stands for: a bit above the 24 of four characters.
const FOREIGN: u32 = 1 << 31;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The six bits of each byte, where they stand among the 24 of four characters.
type Table = [u32; 256];

static FIRST: Table = table(18);
static SECOND: Table = table(12);
static THIRD: Table = table(6);
static FOURTH: Table = table(0);

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects,
    reason = "the compiler runs it, and stops where it fails"
)]
const fn table(shift: u32) -> Table {
    let mut table = [FOREIGN; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        table[ALPHABET[value] as usize] = (value as u32) << shift;
        value += 1;
    }
    table
}

/// Decodes up to the first byte that is not of the alphabet, behind what is in `decoded`. Returns how many bytes of `text` that
/// was; `None` when they are no canonical encoding: a character too many, or bits behind the last byte that are not zero.
pub(crate) fn decode_prefix(text: &[u8], decoded: &mut Vec<u8>) -> Option<usize> {
    let start = decoded.len();
    let (blocks, _) = text.as_chunks::<4>();
    decoded.resize(start.checked_add(blocks.len().checked_mul(3)?)?, 0);
    let (places, _) = decoded.get_mut(start..)?.as_chunks_mut::<3>();
    let mut whole = 0_usize;
    for ([first, second, third, fourth], place) in blocks.iter().zip(places) {
        let bits =
            bits(&FIRST, *first) | bits(&SECOND, *second) | bits(&THIRD, *third) | bits(&FOURTH, *fourth);
        if bits & FOREIGN != 0 {
            break;
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        *place = bytes;
        whole = whole.saturating_add(1);
    }
    decoded.truncate(start.checked_add(whole.checked_mul(3)?)?);
    let whole = whole.checked_mul(4)?;
    let rest = decode_rest(text.get(whole..)?, decoded)?;
    whole.checked_add(rest)
}

/// What follows the last four characters of the alphabet: up to three more.
fn decode_rest(text: &[u8], decoded: &mut Vec<u8>) -> Option<usize> {
    let mut values = [0_u32; 3];
    let mut count = 0_usize;
    for (byte, value) in text.iter().zip(&mut values) {
        *value = bits(&FOURTH, *byte);
        if *value & FOREIGN != 0 {
            *value = 0;
            break;
        }
        count = count.saturating_add(1);
    }
    let [first, second, third] = values;
    let [_, high, low, behind] = (first << 18 | second << 12 | third << 6).to_be_bytes();
    match (count, high, low, behind) {
        (0, ..) => {}
        (2, high, 0, 0) => decoded.push(high),
        (3, high, low, 0) => decoded.extend([high, low]),
        _ => return None,
    }
    Some(count)
}

fn bits(table: &Table, byte: u8) -> u32 {
    table.get(usize::from(byte)).copied().unwrap_or(FOREIGN)
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    /// What the general decoder makes of it, when all of it is of the alphabet.
    fn expected(text: &[u8]) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(text).ok()
    }

    fn decoded(text: &[u8]) -> Option<(usize, Vec<u8>)> {
        let mut decoded = b"before".to_vec();
        let read = decode_prefix(text, &mut decoded)?;
        Some((read, decoded.strip_prefix(b"before").unwrap().to_vec()))
    }

    #[test]
    fn it_decodes_what_the_general_decoder_does() {
        let bytes: Vec<u8> = (0..=255).cycle().step_by(7).take(300).collect();
        for length in 0..bytes.len() {
            let text = URL_SAFE_NO_PAD.encode(&bytes[..length]).into_bytes();
            assert_eq!(decoded(&text), Some((text.len(), bytes[..length].to_vec())), "{length}");
        }
    }

    #[test]
    fn every_end_is_as_canonical_as_the_general_decoder_wants_it() {
        for first in ALPHABET {
            for second in ALPHABET {
                for text in [&[*first][..], &[*first, *second], b"AAAA", &[b'A', *first, *second]] {
                    for text in [text.to_vec(), [b"QUJD", text].concat()] {
                        let all = decoded(&text).map(|(read, decoded)| {
                            assert_eq!(read, text.len());
                            decoded
                        });
                        assert_eq!(all, expected(&text), "{}", text.escape_ascii());
                    }
                }
            }
        }
    }

    #[test]
    fn every_other_byte_ends_it_wherever_it_stands() {
        let good = b"QUJDREVGR0hJSktM";
        for byte in (0..=255).filter(|byte| !ALPHABET.contains(byte)) {
            for place in 0..good.len() {
                let mut text = good.to_vec();
                text[place] = byte;
                let before = expected(&good[..place]).map(|decoded| (place, decoded));
                assert_eq!(decoded(&text), before, "{byte} at {place}");
            }
        }
    }
}
