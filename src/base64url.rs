//! Base64url as compact tokens have it: the alphabet of RFC 4648 §5, without padding (RFC 7515 §2), up to the next dot.
//!
//! All of a token goes through here, and it is twice as fast in a WebAssembly module as the general decoder. That one still names the
//! fault of what is refused here.

/// What no byte of the alphabet stands for: a bit above those of three bytes.
const FOREIGN: u32 = 1 << 31;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The six bits of each byte, where they stand in the three bytes that four characters make, the first byte lowest.
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
        let [_, first, second, third] = ((value as u32) << shift).to_be_bytes();
        table[ALPHABET[value] as usize] = u32::from_le_bytes([first, second, third, 0]);
        value += 1;
    }
    table
}

/// How much was read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Characters.
    pub(crate) read: usize,
    /// Bytes.
    pub(crate) written: usize,
}

/// Decodes up to the first byte that is not of the alphabet. `None` when what stands before that is no canonical encoding (a
/// character too many, or bits behind the last byte that are not zero), or has no room in `place`.
pub(crate) fn decode_prefix(text: &[u8], place: &mut [u8]) -> Option<Progress> {
    let ((blocks, _), (places, _)) = (text.as_chunks::<8>(), place.as_chunks_mut::<6>());
    let mut whole = 0_usize;
    for ([a, b, c, d, e, f, g, h], place) in blocks.iter().zip(places) {
        let (low, high) = (quad([*a, *b, *c, *d]), quad([*e, *f, *g, *h]));
        if (low | high) & FOREIGN != 0 {
            break;
        }
        let [bytes @ .., _, _] = (u64::from(low) | u64::from(high) << 24).to_le_bytes();
        *place = bytes;
        whole = whole.saturating_add(1);
    }
    let mut progress = Progress { read: whole.checked_mul(8)?, written: whole.checked_mul(6)? };
    let rest = text.get(progress.read..)?;
    if let Some(first) = rest.first_chunk().map(|block| quad(*block)).filter(|bits| bits & FOREIGN == 0) {
        let [bytes @ .., _] = first.to_le_bytes();
        progress = progress.write(4, &bytes, place)?;
    }
    let (count, bytes) = decode_last(text.get(progress.read..)?)?;
    progress.write(count, bytes.get(..count.saturating_sub(1))?, place)
}

impl Progress {
    fn write(self, characters: usize, bytes: &[u8], place: &mut [u8]) -> Option<Self> {
        let written = self.written.checked_add(bytes.len())?;
        place.get_mut(self.written..written)?.copy_from_slice(bytes);
        Some(Self { read: self.read.checked_add(characters)?, written })
    }
}

/// The bits of four characters, or [`FOREIGN`].
fn quad([first, second, third, fourth]: [u8; 4]) -> u32 {
    bits(&FIRST, first) | bits(&SECOND, second) | bits(&THIRD, third) | bits(&FOURTH, fourth)
}

/// Up to three characters at the end, and two bytes, of which there is one less than characters.
fn decode_last(text: &[u8]) -> Option<(usize, [u8; 2])> {
    let mut all = 0;
    let mut count = 0_usize;
    for (byte, table) in text.iter().zip([&FIRST, &SECOND, &THIRD]) {
        let bits = bits(table, *byte);
        if bits & FOREIGN != 0 {
            break;
        }
        all |= bits;
        count = count.saturating_add(1);
    }
    let [first, second, third, _] = all.to_le_bytes();
    // Four more would have been decoded before, had there been room.
    let is_end = text.get(count).is_none_or(|byte| bits(&FOURTH, *byte) & FOREIGN != 0);
    let is_canonical = match count {
        _ if !is_end => false,
        0 => true,
        2 => second == 0,
        3 => third == 0,
        _ => false,
    };
    is_canonical.then_some((count, [first, second]))
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
        let mut place = [0; 512];
        let Progress { read, written } = decode_prefix(text, &mut place)?;
        Some((read, place[..written].to_vec()))
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
                    for before in [&b""[..], b"QUJD", b"QUJDREVG", b"QUJDREVGR0hJ"] {
                        let text = [before, text].concat();
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
        let good = b"QUJDREVGR0hJSktMTU5P";
        for byte in (0..=255).filter(|byte| !ALPHABET.contains(byte)) {
            for place in 0..good.len() {
                let mut text = good.to_vec();
                text[place] = byte;
                let before = expected(&good[..place]).map(|decoded| (place, decoded));
                assert_eq!(decoded(&text), before, "{byte} at {place}");
            }
        }
    }

    #[test]
    fn what_has_no_room_is_not_decoded() {
        let bytes = [7; 20];
        for length in 0..bytes.len() {
            let text = URL_SAFE_NO_PAD.encode(&bytes[..length]);
            for room in 0..bytes.len() {
                let has_room = decode_prefix(text.as_bytes(), &mut vec![0; room]).is_some();
                assert_eq!(has_room, room >= length, "{length} in {room}");
            }
        }
    }

    /// What is decoded, by the general decoder, of all that stands before the first foreign byte.
    fn prefix(text: &[u8]) -> Option<(usize, Vec<u8>)> {
        let end = text.iter().position(|byte| !ALPHABET.contains(byte)).unwrap_or(text.len());
        expected(&text[..end]).map(|decoded| (end, decoded))
    }

    #[test]
    fn noise_and_structure_are_decoded_as_the_general_decoder_does() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 16).unwrap() % below
        };
        for round in 0..400_000 {
            let length = random(70);
            let mut text: Vec<u8> = (0..length).map(|_| ALPHABET[random(64)]).collect();
            for _ in 0..random(4) {
                if length > 0 {
                    let odd = [
                        b'=',
                        b'+',
                        b'/',
                        b'.',
                        b' ',
                        b'\n',
                        0,
                        0xff,
                        b'A',
                        b'_',
                        b'-',
                        random(256).try_into().unwrap(),
                    ];
                    let place = random(length);
                    text[place] = odd[random(odd.len())];
                }
            }
            assert_eq!(decoded(&text), prefix(&text), "{round}: {}", text.escape_ascii());
            // Room for as much as there is, less and more: all or nothing, and never another text.
            let room = random(60);
            let mut place = vec![0xaa; room];
            let whole = prefix(&text);
            match decode_prefix(&text, &mut place) {
                Some(Progress { read, written }) => {
                    assert_eq!(Some((read, place[..written].to_vec())), whole, "{}", text.escape_ascii());
                }
                None => assert!(
                    whole.is_none_or(|(_, bytes)| bytes.len() > room),
                    "{} in {room}",
                    text.escape_ascii()
                ),
            }
        }
    }
}
