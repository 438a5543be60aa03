//! JSON that is written in another way, or is none.

use super::super::draft::{Bytes, Mutation, Part};

type Rewrite = fn(Bytes) -> Bytes;

pub(super) fn all() -> Vec<Mutation> {
    let mut all = Vec::new();
    for part in [Part::Header, Part::Payload] {
        all.extend(
            whole()
                .into_iter()
                .map(|(name, rewrite)| Mutation::json(format!("{part:?}: {name}"), part, rewrite)),
        );
        all.extend(MEMBERS.map(|member| {
            Mutation::json(format!("{part:?}: with {}", member.escape_ascii()), part, move |text| {
                let (open, rest) = text.split_at(1.min(text.len()));
                [open, member, b",", rest].concat()
            })
        }));
    }
    all
}

/// Written in front of the other members as they are.
const MEMBERS: [&[u8]; 44] = [
    b"'a':1",
    b"a:1",
    b"\"a\":'b'",
    b"\"a\":\"b\\'c\"",
    b"\"a\":\"\\x41\"",
    b"\"a\":\"\\U0041\"",
    b"\"a\":\"\\q\"",
    b"\"a\":\"\\\n\"",
    b"\"a\":\"\x01\"",
    b"\"a\":\"\t\"",
    b"\"a\":\"\n\"",
    b"\"a\":\"\x7f\"",
    b"\"a\":\"\xff\"",
    b"\"a\":\"\xc0\x80\"",
    b"\"a\":\"\xed\xa0\x80\"",
    b"\"a\":\"\xf4\x90\x80\x80\"",
    b"\"a\":\"\xe2\x82\"",
    b"\"\xff\":1",
    b"\"a\":\"\\ud800\"",
    b"\"a\":\"\\udc00\"",
    b"\"a\":\"\\ud800\\u0041\"",
    b"\"a\":\"\\ud83d\\ude00\"",
    b"\"a\":\"\\udbff\\udfff\"",
    b"\"a\":\"\xf4\x8f\xbf\xbf\"",
    b"\"a\":\"\\u0000\"",
    b"\"a\":\"\\/\"",
    b"\"a\":NaN",
    b"\"a\":Infinity",
    b"\"a\":-Infinity",
    b"\"a\":True",
    b"\"a\":undefined",
    b"\"a\":01",
    b"\"a\":+1",
    b"\"a\":.5",
    b"\"a\":5.",
    b"\"a\":0x10",
    b"\"a\":1e",
    b"\"a\":--1",
    b"\"a\":",
    b"\"a\"",
    b"/*a*/\"a\":1",
    b"#",
    b"\"a\":1,",
    b"\"a\";1",
];

fn whole() -> Vec<(&'static str, Rewrite)> {
    vec![
        ("blanks around", |text| [b" ", text.as_slice(), b" "].concat()),
        ("new lines around", |text| [b"\r\n\t", text.as_slice(), b"\r\n"].concat()),
        ("a form feed before", |text| [b"\x0c", text.as_slice()].concat()),
        ("a no-break space before", |text| [b"\xc2\xa0", text.as_slice()].concat()),
        ("a BOM", |text| [b"\xef\xbb\xbf", text.as_slice()].concat()),
        ("in UTF-16", |text| text.iter().flat_map(|byte| [*byte, 0]).collect()),
        ("a NUL before", |text| [b"\0", text.as_slice()].concat()),
        ("a NUL behind", |text| [text.as_slice(), b"\0"].concat()),
        ("a letter behind", |text| [text.as_slice(), b"x"].concat()),
        ("a brace behind", |text| [text.as_slice(), b"}"].concat()),
        ("a comma behind", |text| [text.as_slice(), b","].concat()),
        ("an object behind", |text| [text.as_slice(), b"{}"].concat()),
        ("itself behind", |text| [text.as_slice(), text.as_slice()].concat()),
        ("a comment behind", |text| [text.as_slice(), b"//"].concat()),
        ("a comment before", |text| [b"/**/", text.as_slice()].concat()),
        ("a comma before the end", |text| before_end(&text, b",")),
        ("two commas", |text| before_end(&text, b",,\"a\":1")),
        ("without its end", |text| text[..text.len().saturating_sub(1)].to_vec()),
        ("without its start", |text| text.get(1..).unwrap_or_default().to_vec()),
        ("in a list", |text| [b"[", text.as_slice(), b"]"].concat()),
        ("in an object", |text| [b"{\"a\":", text.as_slice(), b"}"].concat()),
        ("as a string", |text| serde_json::to_vec(&String::from_utf8_lossy(&text)).unwrap()),
        ("with blanks everywhere", |text| {
            let spaced = |byte: &u8| match byte {
                b',' | b'{' => vec![*byte, b'\n', b' '],
                other => vec![*other],
            };
            text.iter().flat_map(spaced).collect()
        }),
        ("empty", |_text| Vec::new()),
        ("a blank", |_text| b" ".to_vec()),
        ("null", |_text| b"null".to_vec()),
        ("true", |_text| b"true".to_vec()),
        ("a number", |_text| b"1".to_vec()),
        ("a word", |_text| b"\"x\"".to_vec()),
        ("an empty list", |_text| b"[]".to_vec()),
        ("an empty object", |_text| b"{}".to_vec()),
        ("with single quotes", |text| {
            text.iter().map(|byte| if *byte == b'"' { b'\'' } else { *byte }).collect()
        }),
    ]
}

fn before_end(text: &[u8], insert: &[u8]) -> Bytes {
    let (rest, end) = text.split_at(text.len().saturating_sub(1));
    [rest, insert, end].concat()
}
