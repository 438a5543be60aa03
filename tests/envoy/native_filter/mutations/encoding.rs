//! Base64url in other forms, and dots in other places.

use super::super::draft::{Bytes, Mutation, Part};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

type Rewrite = fn(Bytes) -> Bytes;

pub(super) fn all() -> Vec<Mutation> {
    let mut all = Vec::new();
    for part in [Part::Header, Part::Payload, Part::Signature] {
        all.extend(
            FORMS.map(|(name, rewrite)| Mutation::encoded(format!("{part:?}: {name}"), part, rewrite)),
        );
    }
    all.extend(TEXTS.map(|(name, rewrite)| Mutation::text(name, rewrite)));
    all
}

const FORMS: [(&str, Rewrite); 24] = [
    ("padded", |mut text| {
        while text.len() % 4 != 0 {
            text.push(b'=');
        }
        text
    }),
    ("one =", |text| [text.as_slice(), b"="].concat()),
    ("two =", |text| [text.as_slice(), b"=="].concat()),
    ("three =", |text| [text.as_slice(), b"==="].concat()),
    ("= before", |text| [b"=", text.as_slice()].concat()),
    ("= within", |text| within(&text, b"=")),
    ("%3D behind", |text| [text.as_slice(), b"%3D"].concat()),
    ("a blank before", |text| [b" ", text.as_slice()].concat()),
    ("a blank within", |text| within(&text, b" ")),
    ("a tab within", |text| within(&text, b"\t")),
    ("a blank behind", |text| [text.as_slice(), b" "].concat()),
    ("blanks everywhere", |text| text.iter().flat_map(|byte| [*byte, b' ']).collect()),
    ("a comma within", |text| within(&text, b",")),
    ("a quote within", |text| within(&text, b"\"")),
    ("a byte that is no ASCII within", |text| within(&text, b"\xff")),
    ("a dot within", |text| within(&text, b".")),
    ("in the other alphabet", |text| {
        STANDARD.encode(URL_SAFE_NO_PAD.decode(&text).unwrap_or(text)).into_bytes()
    }),
    ("another +", |text| within(&text, b"+")),
    ("another /", |text| within(&text, b"/")),
    ("the last bit turned", |text| turn_last(text, 1)),
    ("the second last bit turned", |text| turn_last(text, 2)),
    ("one A behind", |text| [text.as_slice(), b"A"].concat()),
    ("four As behind", |text| [text.as_slice(), b"AAAA"].concat()),
    ("without its last character", |text| text[..text.len().saturating_sub(1)].to_vec()),
];

const TEXTS: [(&str, Rewrite); 31] = [
    ("empty", |_text| Vec::new()),
    ("a dot", |_text| b".".to_vec()),
    ("two dots", |_text| b"..".to_vec()),
    ("three dots", |_text| b"...".to_vec()),
    ("a dot before", |text| [b".", text.as_slice()].concat()),
    ("two dots before", |text| [b"..", text.as_slice()].concat()),
    ("a dot behind", |text| [text.as_slice(), b"."].concat()),
    ("two dots behind", |text| [text.as_slice(), b".."].concat()),
    ("the first dot twice", |text| dots(&text, &["..", "."])),
    ("the second dot twice", |text| dots(&text, &[".", ".."])),
    ("all dots twice", |text| dots(&text, &["..", ".."])),
    ("dots everywhere", |text| [b".", dots(&text, &["...", "..."]).as_slice(), b"..."].concat()),
    ("no first dot", |text| dots(&text, &["", "."])),
    ("no second dot", |text| dots(&text, &[".", ""])),
    ("commas for dots", |text| dots(&text, &[",", ","])),
    ("a blank at the first dot", |text| dots(&text, &[". ", "."])),
    ("a blank before the second dot", |text| dots(&text, &[".", " ."])),
    ("another part", |text| [text.as_slice(), b".AAAA"].concat()),
    ("two other parts", |text| [text.as_slice(), b".AAAA.AAAA"].concat()),
    ("another part before", |text| [b"AAAA.", text.as_slice()].concat()),
    ("without signature", |text| join(&text, |[header, payload, _]| [header, payload, b""])),
    ("without payload", |text| join(&text, |[header, _, signature]| [header, b"", signature])),
    ("without header", |text| join(&text, |[_, payload, signature]| [b"", payload, signature])),
    ("two parts", |text| text[..text.iter().rposition(|byte| *byte == b'.').unwrap_or(0)].to_vec()),
    ("header and payload swapped", |text| {
        join(&text, |[header, payload, signature]| [payload, header, signature])
    }),
    ("payload and signature swapped", |text| {
        join(&text, |[header, payload, signature]| [header, signature, payload])
    }),
    ("header three times", |text| join(&text, |[header, _, _]| [header, header, header])),
    ("in capitals", |text| text.to_ascii_uppercase()),
    ("encoded again", |text| URL_SAFE_NO_PAD.encode(text).into_bytes()),
    ("as a JSON string", |text| [b"\"", text.as_slice(), b"\""].concat()),
    ("as JWS JSON", |text| {
        let form = join(&text, |parts| parts);
        let text = String::from_utf8_lossy(&form).replace('.', "\",\"");
        format!("{{\"p\":[\"{text}\"]}}").into_bytes()
    }),
];

fn within(text: &[u8], insert: &[u8]) -> Bytes {
    let (start, end) = text.split_at(text.len() / 2);
    [start, insert, end].concat()
}

/// The last character stands for more bits than the last byte needs, unless the length is a multiple of three.
fn turn_last(mut text: Bytes, bit: u8) -> Bytes {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if let Some(last) = text.last_mut()
        && let Some(value) = ALPHABET.iter().position(|known| known == last)
    {
        *last = ALPHABET[value ^ usize::from(bit)];
    }
    text
}

fn dots(text: &[u8], by: &[&str; 2]) -> Bytes {
    let mut parts = text.splitn(3, |byte| *byte == b'.').map(<[u8]>::to_vec);
    let mut part = || parts.next().unwrap_or_default();
    [part(), by[0].into(), part(), by[1].into(), part()].concat()
}

fn join(text: &[u8], rearrange: for<'t> fn([&'t [u8]; 3]) -> [&'t [u8]; 3]) -> Bytes {
    let mut parts = text.splitn(3, |byte| *byte == b'.');
    let mut part = || parts.next().unwrap_or_default();
    rearrange([part(), part(), part()]).join(&b'.')
}
