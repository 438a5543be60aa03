//! What the commands read: files, standard input, the environment.

use std::fs;
use std::io::{self, Read as _};

/// The name of standard input on the command line.
pub const STANDARD_INPUT: &str = "-";

/// The whole of a file, or of standard input for `-`; fails with a sentence that names it.
pub fn read(name: &str) -> Result<Vec<u8>, String> {
    let content = if name == STANDARD_INPUT {
        let mut content = Vec::new();
        io::stdin().read_to_end(&mut content).map(|_| content)
    } else {
        fs::read(name)
    };
    content.map_err(|error| format!("{}: {error}", shown(name)))
}

/// What a file is called in messages, without control characters.
pub fn shown(name: &str) -> String {
    if name == STANDARD_INPUT {
        return "standard input".to_owned();
    }
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
