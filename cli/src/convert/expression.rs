//! What a policy expression means, as far as the filter has a word for it: texts, the host that the request names, and a header
//! or parameter of the request. Every other expression is API Management's alone.

use super::csharp;

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Text, in which the host that the request names may stand.
    Text(Vec<Piece>),
    /// A header of the request, as it is.
    Header(String),
    /// The last or second word of a header, or what follows `Bearer `.
    HeaderWithoutScheme(String),
    /// A parameter of the query.
    Parameter(String),
    /// A variable of API Management's context.
    Variable(String),
    /// The message of the last error.
    LastError,
    /// None of these.
    Other,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it is.
    Literal(String),
    /// `context.Request.OriginalUrl.Host`
    RequestHost,
}

const HOST: &str = "context.Request.OriginalUrl.Host";

/// Reads an expression, `@` and brackets included.
pub(super) fn read(expression: &str) -> Meaning {
    let Some(line) = code_of(expression).as_deref().and_then(tokens) else {
        return Meaning::Other;
    };
    let shape = line.shape.strip_suffix(".ToString()").unwrap_or(&line.shape);
    let shape = shape.strip_prefix("(string)").unwrap_or(shape);
    let literal = |index: usize| match line.texts.get(index).map(Vec::as_slice) {
        Some([]) => Some(String::new()),
        Some([Piece::Literal(text)]) => Some(text.clone()),
        Some(_) | None => None,
    };
    if let Some(pieces) = text_of(shape, &line.texts) {
        return Meaning::Text(pieces);
    }
    // Where a second text stands, it is what an absent value becomes: empty is as good as absent.
    let absent_is_empty =
        |index| line.texts.get(index).is_none() || literal(index).is_some_and(|text| text.is_empty());
    let source = SOURCES.iter().find(|(known, _)| *known == shape).map(|(_, source)| *source);
    let read = match (source, literal(0)) {
        (Some(Source::Header), Some(name)) if absent_is_empty(1) => Some(Meaning::Header(name)),
        (Some(Source::Parameter), Some(name)) if absent_is_empty(1) => Some(Meaning::Parameter(name)),
        (Some(Source::Variable), Some(name)) => Some(Meaning::Variable(name)),
        (Some(Source::LastError), _) => Some(Meaning::LastError),
        (Some(_), _) | (None, None) => None,
        (None, Some(name)) => without_scheme(shape, &line, name),
    };
    read.unwrap_or(Meaning::Other)
}

#[derive(Clone, Copy)]
enum Source {
    Header,
    Parameter,
    Variable,
    LastError,
}

/// What reads something, as tokens without blanks, `"` for each text.
const SOURCES: [(&str, Source); 15] = [
    ("context.Request.Headers.GetValueOrDefault(\")", Source::Header),
    ("context.Request.Headers.GetValueOrDefault(\",\")", Source::Header),
    ("context.Request.Headers[\"]", Source::Header),
    ("context.Request.Headers[\"].First()", Source::Header),
    ("context.Request.Headers[\"].FirstOrDefault()", Source::Header),
    ("context.Request.OriginalUrl.Query.GetValueOrDefault(\")", Source::Parameter),
    ("context.Request.OriginalUrl.Query.GetValueOrDefault(\",\")", Source::Parameter),
    ("context.Request.Url.Query.GetValueOrDefault(\")", Source::Parameter),
    ("context.Request.Url.Query.GetValueOrDefault(\",\")", Source::Parameter),
    ("context.Variables[\"]", Source::Variable),
    ("context.Variables.GetValueOrDefault<string>(\")", Source::Variable),
    ("context.Variables.GetValueOrDefault<string>(\",\")", Source::Variable),
    ("context.Variables.GetValueOrDefault(\",\")", Source::Variable),
    ("context.LastError.Message", Source::LastError),
    ("(context.LastError.Message)", Source::LastError),
];

/// What is written after a header to take the scheme off.
fn without_scheme(shape: &str, line: &Line, name: String) -> Option<Meaning> {
    let header = SOURCES
        .iter()
        .filter(|(_, source)| matches!(source, Source::Header))
        .find_map(|(known, _)| shape.strip_prefix(known).map(|rest| (rest, known.matches('"').count())));
    let (rest, used) = header?;
    let further: Vec<_> = line.texts.get(used..)?.iter().collect();
    let literal = |text: &str| vec![Piece::Literal(text.to_owned())];
    let splits = [".Split(' ').Last()", ".Split(' ')[1]", ".Split(' ').LastOrDefault()", ".Substring(7)"];
    let replaces = rest == ".Replace(\",\")" && further == [&literal("Bearer "), &Vec::new()];
    let is_bearer = further.is_empty() && splits.contains(&rest) || replaces;
    is_bearer.then_some(Meaning::HeaderWithoutScheme(name))
}

/// The text that `"`, the host and `+` make.
fn text_of(shape: &str, texts: &[Vec<Piece>]) -> Option<Vec<Piece>> {
    let mut texts = texts.iter();
    let mut pieces = Vec::new();
    let parts: Vec<_> = shape.split('+').collect();
    for part in &parts {
        match *part {
            "\"" => pieces.extend(texts.next()?.iter().cloned()),
            HOST => pieces.push(Piece::RequestHost),
            word if parts.len() == 1 && is_plain_value(word) => pieces.push(Piece::Literal(word.to_owned())),
            _ => return None,
        }
    }
    Some(pieces)
}

/// A number, or what is true or false.
fn is_plain_value(word: &str) -> bool {
    matches!(word, "true" | "false")
        || !word.is_empty() && word.len() < 10 && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// What the expression computes: all of `@(…)`, what `@{ return …; }` returns.
fn code_of(expression: &str) -> Option<String> {
    if let Some(code) = expression.strip_prefix("@(") {
        return code.strip_suffix(')').map(str::to_owned);
    }
    let block = expression.strip_prefix("@{")?.strip_suffix('}')?.trim();
    let code = block.strip_prefix("return")?.strip_suffix(';')?;
    code.starts_with([' ', '\t', '\r', '\n', '(', '"', '$', '@']).then(|| code.to_owned())
}

/// A line of C#: its tokens without blanks, and the texts in it.
struct Line {
    shape: String,
    texts: Vec<Vec<Piece>>,
}

/// Reads what may have a meaning; `None` for comments, escapes and marks that nothing known has.
fn tokens(code: &str) -> Option<Line> {
    let (mut shape, mut texts) = (String::new(), Vec::new());
    let mut rest = code;
    while let Some(next) = rest.chars().next() {
        if starts_string(rest) {
            let (text, after) = string(rest)?;
            shape.push('"');
            texts.push(text);
            rest = after;
        } else if next.is_whitespace() {
            let after = rest.trim_start();
            // Two words stay two words.
            if shape.ends_with(is_word) && after.starts_with(is_word) {
                shape.push(' ');
            }
            rest = after;
        } else if let Some(after) = rest.strip_prefix("' '") {
            shape.push_str("' '");
            rest = after;
        } else if is_word(next) || "().,[]+<>".contains(next) {
            shape.push(next);
            rest = rest.get(next.len_utf8()..)?;
        } else {
            return None;
        }
    }
    Some(Line { shape, texts })
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether `code` starts with a string, of any kind.
fn starts_string(code: &str) -> bool {
    code.trim_start_matches(['$', '@']).starts_with('"')
}

/// The string that `code` starts with, and what follows it; `None` if it is beyond what is read here.
fn string(code: &str) -> Option<(Vec<Piece>, &str)> {
    let (prefix, mut rest) = code.split_once('"')?;
    let (is_template, is_verbatim) = (prefix.contains('$'), prefix.contains('@'));
    let (mut pieces, mut text) = (Vec::new(), String::new());
    loop {
        let next = rest.chars().next()?;
        rest = rest.get(next.len_utf8()..)?;
        match next {
            '"' if is_verbatim && rest.starts_with('"') => {
                text.push('"');
                rest = rest.get(1..)?;
            }
            '"' => break,
            '\\' if !is_verbatim => {
                let (meant, after) = escape(rest)?;
                text.push(meant);
                rest = after;
            }
            '{' | '}' if is_template && rest.starts_with(next) => {
                text.push(next);
                rest = rest.get(1..)?;
            }
            '{' if is_template => {
                let (hole, after) = rest.split_once('}')?;
                pieces.push(Piece::Literal(std::mem::take(&mut text)));
                pieces.extend(text_of(&tokens(hole)?.shape, &[])?);
                rest = after;
            }
            '}' if is_template => return None,
            _ => text.push(next),
        }
    }
    pieces.push(Piece::Literal(text));
    pieces.retain(|piece| *piece != Piece::Literal(String::new()));
    Some((pieces, rest))
}

/// The character that follows a `\`.
fn escape(rest: &str) -> Option<(char, &str)> {
    let next = rest.chars().next()?;
    let after = rest.get(next.len_utf8()..)?;
    let meant = match next {
        '"' | '\\' | '\'' => next,
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        _ => return None,
    };
    Some((meant, after))
}

/// Whether `text` is one expression and nothing else.
pub(super) fn is_whole(text: &str) -> bool {
    csharp::starts_expression(text) && csharp::find_end(text, 0).is_ok_and(|found| found.end == text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Meaning {
        Meaning::Text(vec![Piece::Literal(text.to_owned())])
    }

    #[test]
    fn texts_and_the_host_are_read() {
        let host = || Piece::RequestHost;
        let text = |text: &str| Piece::Literal(text.to_owned());
        for (expression, meaning) in [
            ("@(\"a\")", literal("a")),
            ("@( \"a\" + \"b\" )", Meaning::Text(vec![text("a"), text("b")])),
            ("@(@\"a\\\"\"b\")", literal("a\\\"b")),
            ("@(\"a\\\"b\")", literal("a\"b")),
            ("@(401)", literal("401")),
            ("@(true)", literal("true")),
            ("@{ return \"a\"; }", literal("a")),
            ("@(context.Request.OriginalUrl.Host)", Meaning::Text(vec![host()])),
            ("@( context . Request\n.OriginalUrl.Host.ToString())", Meaning::Text(vec![host()])),
            (
                "@(\"https://\" + context.Request.OriginalUrl.Host + \"/a\")",
                Meaning::Text(vec![text("https://"), host(), text("/a")]),
            ),
            (
                "@($\"https://{context.Request.OriginalUrl.Host}/{{a}}\")",
                Meaning::Text(vec![text("https://"), host(), text("/{a}")]),
            ),
            ("@(\"\")", Meaning::Text(vec![])),
        ] {
            assert_eq!(read(expression), meaning, "{expression}");
        }
    }

    #[test]
    fn places_of_a_token_are_read() {
        for (expression, meaning) in [
            ("@(context.Request.Headers.GetValueOrDefault(\"X\", \"\"))", Meaning::Header("X".into())),
            ("@(context.Request.Headers[\"X\"].First())", Meaning::Header("X".into())),
            ("@(context.Request.Url.Query.GetValueOrDefault(\"t\"))", Meaning::Parameter("t".into())),
            ("@((string)context.Variables[\"t\"])", Meaning::Variable("t".into())),
            ("@(context.Variables.GetValueOrDefault<string>(\"t\"))", Meaning::Variable("t".into())),
            ("@((string)context.LastError.Message)", Meaning::LastError),
        ] {
            assert_eq!(read(expression), meaning, "{expression}");
        }
        for code in [
            "GetValueOrDefault(\"Authorization\",\"\").Split(' ').Last()",
            "GetValueOrDefault(\"Authorization\").Split(' ')[1]",
            "GetValueOrDefault(\"Authorization\", \"\").Replace(\"Bearer \", \"\")",
            "GetValueOrDefault(\"Authorization\", \"\").Substring(7)",
        ] {
            let expression = format!("@(context.Request.Headers.{code})");
            assert_eq!(read(&expression), Meaning::HeaderWithoutScheme("Authorization".into()), "{code}");
        }
    }

    #[test]
    fn every_other_expression_is_none_of_these() {
        for expression in [
            "@(context.Request.Url.Host)",
            "@(context.Request.OriginalUrl.Host.ToLower())",
            "@(context.Request.OriginalUrl.HostX)",
            "@(\"a\" + context.Deployment.Region)",
            "@(\"a\" - \"b\")",
            "@(\"a\" /* b */)",
            "@(\"\\u0041\")",
            "@($\"{context.RequestId}\")",
            "@($\"{x:yyyy}\")",
            "@($\"}\")",
            "@(\"a\" \"b\")",
            "@(+)",
            "@()",
            "@(1 + 2)",
            "@{ return a; return \"b\"; }",
            "@{ returnx; }",
            "@(context.Request.Headers.GetValueOrDefault(\"X\", \"default\"))",
            "@(context.Request.Headers.GetValueOrDefault(\"X\",\"\").Replace(\"Token \",\"\"))",
            "@(context.Request.Headers.GetValueOrDefault(name))",
            "@(context.Request.Headers[$\"{context.Request.OriginalUrl.Host}\"])",
            "@(new Guid())",
        ] {
            assert_eq!(read(expression), Meaning::Other, "{expression}");
        }
    }

    #[test]
    fn an_expression_is_whole_or_text_is_around_it() {
        for (text, whole) in
            [("@(a)", true), ("@(a) ", false), ("x@(a)", false), ("@(a", false), ("a", false)]
        {
            assert_eq!(is_whole(text), whole, "{text}");
        }
    }
}
