//! What documents and examples hold, for the tests that read them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder of the project.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file of the project.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fenced blocks of `language` in a Markdown text.
pub(crate) fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The environment that the examples are written for.
pub(crate) fn environment(name: &str) -> Option<String> {
    match name {
        "DECRYPTION_PRIVATE_KEY" => Some(read("tests/fixtures/certificates/rsa.key.pem")),
        "DECRYPTION_SECRET" => Some("bm90IGEgc2VjcmV0OiBpdCBpcyBpbiBhIGRvY3VtZW4=".to_owned()),
        "JWT_SIGNING_KEY" => Some("QW5kIHRoaXMgaXMgbm9uZSwgZWl0aGVyOiBpdCBzdGFuZHMgaW4gYSB0ZXN0".to_owned()),
        _ => None,
    }
}
