//! Requests as a case describes them.

use super::authorities::World;
use super::format::{Case, CaseFile};
use super::token;

/// A request with its tokens filled in.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    /// The tokens that could be filled in, by their names.
    pub(crate) tokens: Vec<(String, String)>,
}

impl Sent {
    pub(crate) fn new(world: &World, file: &CaseFile, case: &Case, now: i64) -> Self {
        let setting = file.setting(case);
        let plain = |(name, template)| (String::clone(name), token::plain(world, template, now));
        let mut tokens: Vec<(String, String)> = file.tokens.iter().map(plain).collect();
        let own = token::of_case(world, file, setting.token.as_deref(), &case.token, now);
        tokens.extend(own.map(|own| ("token".to_owned(), own)));
        let (usual, request) = (&setting.request, &case.request);
        let text = |own: &Option<String>, usual: &Option<String>, default: &str| {
            fill_in(own.as_deref().or(usual.as_deref()).unwrap_or(default), &tokens)
        };
        let bearer = vec!["authorization: Bearer {token}".to_owned()];
        let headers = request.headers.as_ref().or(usual.headers.as_ref()).unwrap_or(&bearer);
        let header = |line: &String| {
            let (name, value) =
                line.split_once(": ").unwrap_or_else(|| panic!("header `{line}` has no `: `"));
            (name.to_owned(), fill_in(value, &tokens))
        };
        Self {
            method: text(&request.method, &usual.method, "GET"),
            target: text(&request.target, &usual.target, "/"),
            headers: headers
                .iter()
                .chain(&usual.more_headers)
                .chain(&request.more_headers)
                .map(header)
                .collect(),
            tokens,
        }
    }

    /// Puts the tokens in the place of their names.
    pub(crate) fn fill_in(&self, text: &str) -> String {
        fill_in(text, &self.tokens)
    }
}

/// `{name}` becomes the token, `{name.payload}` the part of it that holds the claims.
fn fill_in(text: &str, tokens: &[(String, String)]) -> String {
    tokens.iter().fold(text.to_owned(), |text, (name, token)| {
        let payload = token.split('.').nth(1).unwrap_or_default();
        text.replace(&format!("{{{name}}}"), token).replace(&format!("{{{name}.payload}}"), payload)
    })
}
