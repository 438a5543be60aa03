//! What the commands read: files, standard input, the environment.

use std::fs::File;
use std::io::{self, Read};

/// The name of standard input on the command line.
pub const STANDARD_INPUT: &str = "-";

/// No more of one input is read. The longest answer of a provider that a configuration can allow is as long.
pub const MAX_INPUT_BYTES: u64 = 16_777_216;

/// The whole of a file, or of standard input for `-`; fails with a sentence that names it.
pub fn read(name: &str) -> Result<Vec<u8>, String> {
    let content =
        if name == STANDARD_INPUT { limited(io::stdin()) } else { File::open(name).and_then(limited) };
    let content = content.map_err(|error| {
        let also = if is_token(name) { "; a token is given by --token" } else { "" };
        format!("{}: {error}{also}", shown(name))
    })?;
    if u64::try_from(content.len()).is_ok_and(|length| length <= MAX_INPUT_BYTES) {
        Ok(content)
    } else {
        Err(format!("{}: longer than {MAX_INPUT_BYTES} bytes", shown(name)))
    }
}

/// As much as shows that it is too long.
fn limited(input: impl Read) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    input.take(MAX_INPUT_BYTES.saturating_add(1)).read_to_end(&mut content)?;
    Ok(content)
}

/// Whether somebody gave a token where a file belongs.
fn is_token(name: &str) -> bool {
    without_tokens(name) != name
}

/// A word that is no longer is not taken for a token: none is as short.
const LONGEST_NAME: usize = 40;

/// The text with what looks like a token cut to its beginning: a long word of Base64url and dots that holds `eyJ`, with which a JOSE
/// header begins, and a dot after it.
pub fn without_tokens(text: &str) -> String {
    let is_of_token =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | '=');
    let word = |word: &str| match word.find("eyJ") {
        Some(at) if word.len() > LONGEST_NAME && word.split_at(at).1.contains('.') => "eyJ…".to_owned(),
        Some(_) | None => word.to_owned(),
    };
    let mut shown = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|character| !is_of_token(character)).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        shown.push_str(&word(token));
        let end = after.find(is_of_token).unwrap_or(after.len());
        let (between, next) = after.split_at(end);
        shown.push_str(between);
        rest = next;
    }
    shown
}

/// What a file is called in messages, without control characters. A token in its place is not told.
pub fn shown(name: &str) -> String {
    if name == STANDARD_INPUT {
        return "standard input".to_owned();
    }
    let name = without_tokens(name);
    name.chars()
        .flat_map(|character| {
            let escaped = character.is_control().then(|| character.escape_default());
            let plain = escaped.is_none().then_some(character);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// A variable of this process's environment: it stands in for that of the filter's VM.
#[expect(clippy::disallowed_methods, reason = "a native companion, whose user sets variables for it")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
