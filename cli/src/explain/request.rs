//! The request that is explained, as the command line describes it.

use validate_jwt::decision::{Demand, Rulebook};
use validate_jwt::extract::TokenSource;
use validate_jwt::pairs::Pairs;
use validate_jwt::request::RequestHead;

/// The head of a request. `Debug` shows nothing of its headers.
#[derive(Clone)]
pub(super) struct RequestText {
    /// Its method.
    pub(super) method: String,
    /// Its path and query.
    pub(super) target: String,
    /// Its host.
    pub(super) host: Option<String>,
    /// Its other headers, names in lower case.
    headers: Vec<(String, String)>,
    /// The token, which is to be put where the policy looks.
    pub(super) token: Option<String>,
    /// What the proxy has as property, where a policy looks there.
    property: Option<(Vec<String>, String)>,
}

impl Default for RequestText {
    /// `GET /`, to no host.
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            target: "/".to_owned(),
            host: None,
            headers: Vec::new(),
            token: None,
            property: None,
        }
    }
}

impl std::fmt::Debug for RequestText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RequestText(…)")
    }
}

impl RequestText {
    /// Reads the head of a request of HTTP/1 (RFC 9112 §2.1), up to an empty line; `> ` before each line, as `curl -v` writes
    /// it, does not count, and its other lines are left out.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "the request is not UTF-8")?;
        let is_of_curl = text.lines().any(|line| line.starts_with("> "));
        let mut lines = text
            .lines()
            .filter_map(|line| {
                let line = line.trim_end_matches('\r');
                if is_of_curl {
                    line.strip_prefix('>').map(|line| line.strip_prefix(' ').unwrap_or(line))
                } else {
                    Some(line)
                }
            })
            .skip_while(|line| line.trim().is_empty());
        let first = lines.next().ok_or("the request is empty")?;
        let mut words = first.split(' ').filter(|word| !word.is_empty());
        let (Some(method), Some(target)) = (words.next().filter(|word| is_method(word)), words.next()) else {
            return Err("the request does not begin with a line such as `GET /orders HTTP/1.1`".to_owned());
        };
        let mut request = Self { method: method.to_owned(), target: target.to_owned(), ..Self::default() };
        for line in lines.take_while(|line| !line.is_empty()) {
            let had_host = request.host.is_some();
            if had_host && line.get(..5).is_some_and(|name| name.eq_ignore_ascii_case("host:")) {
                return Err("the request has two `Host` headers; HTTP has one (RFC 9112 §3.2)".to_owned());
            }
            request.add_header(line)?;
        }
        Ok(request)
    }

    /// Adds a header, `name: value`. Only blanks and tabs around the value do not count (RFC 9110 §5.5): what else looks like a
    /// blank is part of it.
    pub(super) fn add_header(&mut self, line: &str) -> Result<(), String> {
        let (name, value) = line
            .split_once(':')
            .filter(|(name, _)| !name.is_empty() && !name.contains([' ', '\t']))
            .ok_or("a header is not of the form `name: value`")?;
        let (name, value) = (name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned());
        if name == "host" {
            self.host = Some(value);
        } else {
            self.headers.push((name, value));
        }
        Ok(())
    }

    /// Puts the token, if there is one, where the policies look that decide about the request.
    pub(super) fn place_token(&mut self, rulebook: &Rulebook) -> Result<(), String> {
        let Some(token) = self.token.take() else {
            return Ok(());
        };
        let headers = self.headers();
        let Ok(Demand::Policy { requirement, .. }) = rulebook.routes.choose(RequestHead::new(&headers))
        else {
            return Ok(());
        };
        let mut places: Vec<&TokenSource> = Vec::new();
        for policy in &requirement.policies {
            if !places.contains(&&policy.source) {
                places.push(&policy.source);
            }
        }
        drop(headers);
        let mut has_authorization = false;
        for place in places {
            // Two policies that differ in the scheme alone look at one header.
            if matches!(place, TokenSource::Authorization { .. })
                && std::mem::replace(&mut has_authorization, true)
            {
                continue;
            }
            self.place(&token, place)?;
        }
        Ok(())
    }

    fn place(&mut self, token: &str, place: &TokenSource) -> Result<(), String> {
        let is_there = |name: &str| {
            format!("the request has a header `{name}` already; give the token there, or by --token")
        };
        match place {
            TokenSource::Authorization { require_scheme } => {
                if self.headers.iter().any(|(name, _)| name == "authorization") {
                    return Err(is_there("authorization"));
                }
                let scheme = require_scheme.as_deref().unwrap_or("Bearer");
                let has_scheme =
                    token.split_once(' ').is_some_and(|(first, _)| first.eq_ignore_ascii_case(scheme));
                let value = if has_scheme { token.to_owned() } else { format!("{scheme} {token}") };
                self.headers.push(("authorization".to_owned(), value));
            }
            TokenSource::Header { name } => {
                if self.headers.iter().any(|(known, _)| known == name) {
                    return Err(is_there(name));
                }
                self.headers.push((name.clone(), token.to_owned()));
            }
            TokenSource::Cookie { name } => {
                self.headers.push(("cookie".to_owned(), format!("{name}={token}")));
            }
            TokenSource::Query { name } => {
                let separator = if self.target.contains('?') { '&' } else { '?' };
                let parameter = format!("{separator}{}={}", encoded(name), encoded(token));
                self.target.push_str(&parameter);
            }
            TokenSource::Property { path } => self.property = Some((path.clone(), token.to_owned())),
        }
        Ok(())
    }

    /// As a proxy has it.
    pub(super) fn headers(&self) -> Pairs<'_> {
        let pair =
            |(name, value): (&'static str, &str)| (name.as_bytes().into(), value.as_bytes().to_vec().into());
        let pseudo = [(":method", self.method.as_str()), (":path", &self.target), (":scheme", "https")];
        let authority = self.host.as_deref().map(|host| (":authority", host));
        let mut headers: Pairs<'_> = pseudo.into_iter().chain(authority).map(pair).collect();
        headers.extend(
            self.headers.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())),
        );
        headers
    }

    /// What the proxy has under a property path: the token, or a header of the request.
    pub(super) fn property(&self, path: &[String]) -> Option<Vec<u8>> {
        let (known, token) = self.property.as_ref()?;
        (known == path).then(|| token.clone().into_bytes())
    }

    /// Its path without the query, where a token may stand.
    pub(super) fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }
}

/// A token in the sense of HTTP (RFC 9110 §5.6.2), as methods are.
fn is_method(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// With every byte percent-encoded that could mean something in a query (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes()
        .map(|byte| if is_plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
