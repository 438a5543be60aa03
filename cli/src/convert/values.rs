//! From a written value to what the configuration says: named values are filled in, expressions are read, and what has no
//! meaning for the filter is told.

use validate_jwt::excerpt::Excerpt;

use super::{
    ConvertOptions,
    csharp::starts_expression,
    expression::{self, Meaning, Piece},
    node::{Node, Value},
    report::Report,
    xml::Written,
};

/// The place of the host that a request names, in audiences of the configuration.
const REQUEST_HOST: &str = "{request-host}";

/// Reads values, and tells what is wrong with them.
#[derive(Debug)]
pub(super) struct Values<'c> {
    options: &'c ConvertOptions,
}

/// A value whose named values are filled in.
enum Filled {
    Literal(String),
    Expression(String),
}

impl<'c> Values<'c> {
    /// Reads values with what the command line says of them.
    pub(super) fn new(options: &'c ConvertOptions) -> Self {
        Self { options }
    }

    fn fill(&self, written: &Written, report: &mut Report) -> Option<Filled> {
        let text = match self.options.named_values.fill(&written.text) {
            Ok(text) => text,
            Err(names) => {
                for name in names {
                    report.error(
                        written.at,
                        format!(
                            "the named value `{name}` is not known here; give it by `--named-value {name}=VALUE` or \
                             `--named-values FILE`"
                        ),
                    );
                }
                return None;
            }
        };
        let trimmed = text.trim();
        if expression::is_whole(trimmed) {
            return Some(Filled::Expression(trimmed.to_owned()));
        }
        if starts_expression(trimmed) || text.contains("@(") || text.contains("@{") {
            report.error(
                written.at,
                "has text beside a policy expression, or an expression without end; in API Management an expression is the \
                 whole value: write what it comes to",
            );
            return None;
        }
        Some(Filled::Literal(text))
    }

    /// A text as it stands.
    pub(super) fn text(&self, written: &Written, report: &mut Report) -> Option<String> {
        match self.fill(written, report)? {
            Filled::Literal(text) => Some(text),
            Filled::Expression(code) => self.evaluate(&code, written.at, false, report),
        }
    }

    /// A text in which the host may stand that a request names.
    pub(super) fn audience(&self, written: &Written, report: &mut Report) -> Option<String> {
        let (text, hosts) = match self.fill(written, report)? {
            Filled::Literal(text) => (text, 0),
            Filled::Expression(code) => {
                let text = self.evaluate(&code, written.at, true, report)?;
                (text, if self.options.host.is_none() { hosts_in(&code) } else { 0 })
            }
        };
        if text.matches(REQUEST_HOST).count() > hosts {
            report.error(
                written.at,
                format!(
                    "has the text `{REQUEST_HOST}`, which would be the host that the request names; remove it"
                ),
            );
            return None;
        }
        Some(text)
    }

    /// A secret, which no message quotes.
    pub(super) fn secret(&self, written: &Written, report: &mut Report) -> Option<String> {
        match self.fill(written, report)? {
            Filled::Literal(text) => Some(text),
            Filled::Expression(code) => match expression::read(&code) {
                Meaning::Text(pieces) if !pieces.contains(&Piece::RequestHost) => {
                    Some(pieces.iter().map(|piece| self.piece(piece).unwrap_or_default()).collect())
                }
                Meaning::Text(_)
                | Meaning::Header(_)
                | Meaning::HeaderWithoutScheme(_)
                | Meaning::Parameter(_)
                | Meaning::Variable(_)
                | Meaning::LastError
                | Meaning::Other => {
                    report.error(
                        written.at,
                        "is a policy expression, which only API Management evaluates; write the key, as a named value",
                    );
                    None
                }
            },
        }
    }

    fn piece<'p>(&'p self, piece: &'p Piece) -> Option<&'p str> {
        match piece {
            Piece::Literal(text) => Some(text),
            Piece::RequestHost => self.options.host.as_deref(),
        }
    }

    fn evaluate(&self, code: &str, at: usize, may_name_host: bool, report: &mut Report) -> Option<String> {
        let problem = match expression::read(code) {
            Meaning::Text(pieces) => {
                let place = may_name_host.then_some(REQUEST_HOST);
                let texts: Option<String> = pieces.iter().map(|piece| self.piece(piece).or(place)).collect();
                if texts.is_some() {
                    return texts;
                }
                "takes the host that the request names, which the filter knows in `audiences` alone; give that host by `--host`"
                    .to_owned()
            }
            Meaning::LastError => {
                "tells the caller why the token was refused, which the filter tells the operator alone \
                 (%RESPONSE_CODE_DETAILS%, log); remove it, or write a text"
                    .to_owned()
            }
            Meaning::Header(_)
            | Meaning::HeaderWithoutScheme(_)
            | Meaning::Parameter(_)
            | Meaning::Variable(_)
            | Meaning::Other => format!(
                "`{}` is a policy expression, which only API Management evaluates; write what it comes to",
                Excerpt(code)
            ),
        };
        report.error(at, problem);
        None
    }

    /// A whole number.
    pub(super) fn number(&self, written: &Written, unit: &str, report: &mut Report) -> Option<Node> {
        let text = self.text(written, report)?;
        let number = text.trim().parse().ok();
        if number.is_none() {
            report.error(written.at, format!("is `{}`; expected {unit}, as a whole number", Excerpt(&text)));
        }
        number.map(|number| Node::new(written.at, Value::Number(number)))
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, written: &Written, report: &mut Report) -> Option<Node> {
        let text = self.text(written, report)?;
        let flag = match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        if flag.is_none() {
            report.error(written.at, format!("is `{}`; expected `true` or `false`", Excerpt(&text)));
        }
        flag.map(|flag| Node::new(written.at, Value::Flag(flag)))
    }

    /// `token-value`: where the expression takes the token from, as the member that says so.
    pub(super) fn token_value(&self, written: &Written, report: &mut Report) -> Option<(&'static str, Node)> {
        let at = written.at;
        let Filled::Expression(code) = self.fill(written, report)? else {
            report.error(
                at,
                "is a fixed text, and every request would have the same token; name where the token is",
            );
            return None;
        };
        let refused = match expression::read(&code) {
            Meaning::Header(name) if !name.eq_ignore_ascii_case("authorization") => {
                return Some(("header-name", Node::text(at, name)));
            }
            Meaning::Header(name) => {
                report.warning(
                    at,
                    "becomes `header-name`, which takes a token with `Bearer` before it as well as a bare one",
                );
                return Some(("header-name", Node::text(at, name)));
            }
            Meaning::HeaderWithoutScheme(name) if name.eq_ignore_ascii_case("authorization") => {
                report.warning(
                    at,
                    "becomes `header-name`, which takes a bare token or one with `Bearer` before it; the expression takes it \
                     after any other word, too",
                );
                return Some(("header-name", Node::text(at, name)));
            }
            Meaning::Parameter(name) => return Some(("query-parameter-name", Node::text(at, name))),
            Meaning::HeaderWithoutScheme(_) => {
                "takes a scheme off another header than `Authorization`, where the filter expects the bare token; have the \
                 clients send it bare, or in `Authorization`"
                    .to_owned()
            }
            Meaning::Variable(name) => format!(
                "takes the token from the variable `{}`, which another policy sets; write where the token comes from, by \
                 `header-name` or `query-parameter-name`, or give its cookie by `--token-cookie NAME`",
                Excerpt(&name)
            ),
            Meaning::Text(_) | Meaning::LastError | Meaning::Other => format!(
                "`{}` is a policy expression, which only API Management evaluates; write `header-name` or \
                 `query-parameter-name` in its place, or give the token's cookie by `--token-cookie NAME`",
                Excerpt(&code)
            ),
        };
        let Some(cookie) = &self.options.token_cookie else {
            report.error(at, refused);
            return None;
        };
        report.note(
            at,
            format!("the expression becomes the cookie `{}`, as the command line says", Excerpt(cookie)),
        );
        Some(("token-value", Node::object(at, [("cookie", Some(Node::text(at, cookie)))])))
    }
}

/// How often an expression puts in the host that the request names.
fn hosts_in(code: &str) -> usize {
    match expression::read(code) {
        Meaning::Text(pieces) => pieces.iter().filter(|piece| **piece == Piece::RequestHost).count(),
        Meaning::Header(_)
        | Meaning::HeaderWithoutScheme(_)
        | Meaning::Parameter(_)
        | Meaning::Variable(_)
        | Meaning::LastError
        | Meaning::Other => 0,
    }
}
