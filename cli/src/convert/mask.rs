//! Raw XML to XML: what expressions hold that XML does not take is covered, byte for byte, so that every place in what a
//! parser reads is the same place in the document.

use std::ops::Range;

use super::{
    csharp::{self, Fault, find_end, starts_expression},
    report::Message,
};

/// How deep elements may nest.
pub(super) const MAX_DEPTH: usize = 128;

/// The most attributes of an element: each is compared with every other.
pub(super) const MAX_ATTRIBUTES: usize = 128;

/// The most declarations of namespaces in a document: each element may carry all of them.
pub(super) const MAX_NAMESPACES: usize = 64;

/// The byte order mark.
const MARK: char = '\u{feff}';

/// A document whose expressions are covered.
#[derive(Debug)]
pub(super) struct Masked {
    /// As long as the document.
    pub(super) text: String,
    /// Where the expressions stand, in order.
    pub(super) expressions: Vec<Expression>,
    /// How many elements stand at the top: more than one in what was copied out of a policy.
    pub(super) roots: usize,
}

/// A policy expression of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expression {
    /// Its bytes, `@` and brackets included.
    pub(super) range: Range<usize>,
    is_escaped: bool,
}

impl Expression {
    /// Its C#, with `@` and brackets.
    pub(super) fn code(&self, text: &str) -> String {
        let written = text.get(self.range.clone()).unwrap_or_default();
        if self.is_escaped { csharp::unescape(written) } else { written.to_owned() }
    }
}

/// Covers the expressions of a document: those that start an attribute's value or the text of an element, which is where API
/// Management looks for them. What is not XML otherwise is left to the parser.
pub(super) fn mask(text: &str) -> Result<Masked, Message> {
    let mut scanner = Scanner {
        text,
        at: 0,
        expressions: Vec::new(),
        declarations: Vec::new(),
        depth: 0,
        roots: 0,
        namespaces: 0,
    };
    scanner.scan()?;
    let ranges = scanner.expressions.iter().map(|expression| &expression.range);
    let masked = cover(text, ranges, |character| match character {
        '<' | '>' | '&' | '"' | '\'' => '_',
        '\n' | '\r' | '\t' => character,
        control if control.is_ascii_control() => '_',
        _ => character,
    });
    let masked = cover(&masked, scanner.declarations.iter(), |character| match character {
        '\n' | '\r' => character,
        _ => ' ',
    });
    Ok(Masked { text: masked, expressions: scanner.expressions, roots: scanner.roots })
}

/// The text with other characters in `ranges`, of which no byte is lost.
fn cover<'r>(
    text: &str,
    ranges: impl Iterator<Item = &'r Range<usize>>,
    other: impl Fn(char) -> char,
) -> String {
    let mut covered = String::with_capacity(text.len());
    let mut end = 0;
    for range in ranges {
        covered.push_str(text.get(end..range.start).unwrap_or_default());
        for character in text.get(range.clone()).unwrap_or_default().chars() {
            let other = other(character);
            let count = character.len_utf8().checked_div(other.len_utf8()).unwrap_or(1);
            covered.extend(std::iter::repeat_n(other, count));
        }
        end = range.end;
    }
    covered.push_str(text.get(end..).unwrap_or_default());
    covered
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    expressions: Vec<Expression>,
    /// Declarations (`<?xml …?>`) and byte order marks: of several documents, only the first may have one.
    declarations: Vec<Range<usize>>,
    depth: usize,
    roots: usize,
    namespaces: usize,
}

impl<'t> Scanner<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Goes on behind the next `mark`, or to the end.
    fn skip_past(&mut self, mark: &str) {
        let found = self.rest().find(mark).map(|index| index.saturating_add(mark.len()));
        self.at = self.at.saturating_add(found.unwrap_or_else(|| self.rest().len()));
    }

    fn skip(&mut self, is_skipped: impl Fn(char) -> bool) {
        let rest = self.rest();
        let end = rest.find(|character| !is_skipped(character)).unwrap_or(rest.len());
        self.at = self.at.saturating_add(end);
    }

    fn skip_blanks(&mut self) {
        self.skip(|character| matches!(character, ' ' | '\t' | '\r' | '\n'));
    }

    fn scan(&mut self) -> Result<(), Message> {
        while !self.rest().is_empty() {
            self.skip_blanks();
            if self.depth == 0 && self.rest().starts_with(MARK) {
                let start = self.at;
                self.at = start.saturating_add(MARK.len_utf8());
                self.declarations.push(start..self.at);
            } else if starts_expression(self.rest()) {
                self.expression()?;
            }
            self.skip(|character| character != '<');
            let rest = self.rest();
            if rest.starts_with("<!--") {
                self.skip_past("-->");
            } else if rest.starts_with("<![CDATA[") {
                self.skip_past("]]>");
            } else if rest.starts_with("<?") {
                let start = self.at;
                self.skip_past("?>");
                if self.depth == 0 && rest.starts_with("<?xml ") {
                    self.declarations.push(start..self.at);
                }
            } else if rest.starts_with("<!") {
                return Err(Message::error(
                    self.at,
                    "has a document type (DOCTYPE), which no policy of API Management has; remove it",
                ));
            } else if rest.starts_with("</") {
                self.skip_past(">");
                self.depth = self.depth.saturating_sub(1);
            } else if rest.starts_with('<') {
                self.start_tag()?;
            }
        }
        Ok(())
    }

    fn expression(&mut self) -> Result<(), Message> {
        let start = self.at;
        let found = find_end(self.text, start).map_err(|fault| {
            let (at, problem) = match fault {
                Fault::NotClosed => (start, "a policy expression starts here whose bracket is never closed"),
                Fault::Quote(at) => (at, "a string in a policy expression has no end in its line"),
                Fault::Comment(at) => (at, "a comment in a policy expression has no end"),
                Fault::TooDeep => (start, "a policy expression starts here whose strings nest too deep"),
            };
            Message::error(at, format!("{problem}; API Management would not take it either"))
        })?;
        self.expressions.push(Expression { range: start..found.end, is_escaped: found.is_escaped });
        self.at = found.end;
        Ok(())
    }

    /// `<name attribute="…">`, as far as it is one.
    fn start_tag(&mut self) -> Result<(), Message> {
        let start = self.at;
        if self.depth == 0 {
            self.roots = self.roots.saturating_add(1);
        }
        let mut attributes = 0_usize;
        self.at = self.at.saturating_add(1);
        loop {
            self.skip(|character| !matches!(character, '=' | '>' | '/' | '<' | ' ' | '\t' | '\r' | '\n'));
            self.skip_blanks();
            let rest = self.rest();
            if rest.starts_with('>') {
                self.depth = self.depth.saturating_add(1);
                self.at = self.at.saturating_add(1);
                break;
            } else if rest.starts_with("/>") {
                self.at = self.at.saturating_add(2);
                break;
            } else if rest.starts_with('=') {
                attributes = attributes.saturating_add(1);
                self.at = self.at.saturating_add(1);
                self.skip_blanks();
                self.value()?;
            } else if rest.starts_with("xmlns") {
                self.namespaces = self.namespaces.saturating_add(1);
                self.at = self.at.saturating_add(5);
            } else if rest.starts_with('/') {
                self.at = self.at.saturating_add(1);
            } else if rest.is_empty() || rest.starts_with('<') {
                break;
            }
        }
        let limit = |what, limit| Err(Message::error(start, format!("has more than {limit} {what}")));
        if attributes > MAX_ATTRIBUTES {
            return limit("attributes", MAX_ATTRIBUTES);
        }
        if self.namespaces > MAX_NAMESPACES {
            return limit("declarations of namespaces before it", MAX_NAMESPACES);
        }
        if self.depth > MAX_DEPTH {
            return limit("elements around it", MAX_DEPTH);
        }
        Ok(())
    }

    /// A value in quotes, of either kind.
    fn value(&mut self) -> Result<(), Message> {
        let Some(quote) = self.rest().chars().next().filter(|quote| matches!(quote, '"' | '\'')) else {
            return Ok(());
        };
        self.at = self.at.saturating_add(1);
        self.skip_blanks();
        if starts_expression(self.rest()) {
            self.expression()?;
        }
        self.skip_past(quote.encode_utf8(&mut [0; 4]));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<String> {
        let masked = mask(text).unwrap();
        assert_eq!(masked.text.len(), text.len());
        masked.expressions.iter().map(|expression| expression.code(text)).collect()
    }

    #[test]
    fn expressions_are_covered_where_they_start_a_value_or_a_text() {
        let text = r#"<a b="@(x < "y" && 'z')" c='@("it")'>
            @{ return new List<string>(); }<b>x @(y)</b><!-- @( --><![CDATA[@(]]><?p @( ?><c d="e @("/></a>"#;
        assert_eq!(codes(text), [r#"@(x < "y" && 'z')"#, r#"@("it")"#, "@{ return new List<string>(); }"]);
        let masked = mask(text).unwrap().text;
        assert!(masked.starts_with(r#"<a b="@(x _ _y_ __ _z_)" c='@(_it_)'>"#), "{masked}");
        assert_eq!(codes("<a b='@(&quot;x&quot;)'/>"), ["@(\"x\")"]);
        assert_eq!(codes("<a><!-- c -->\n@(1)</a>"), ["@(1)"]);
    }

    #[test]
    fn what_is_no_xml_is_left_to_the_parser() {
        for text in
            ["", "<", "<a", "<a b", "<a b=", "<a b=\"", "<a b=c>", "a>b</c>", "<a/", "<!--", "<a =\"\" / b>"]
        {
            assert!(mask(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn roots_are_counted() {
        for (text, roots) in [("", 0), ("<a/>", 1), ("<a><b/></a>", 1), ("<a/><b></b>", 2), ("x<a/>", 1)] {
            assert_eq!(mask(text).unwrap().roots, roots, "{text}");
        }
    }

    #[test]
    fn limits_hold() {
        let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        assert!(mask(&nested(MAX_DEPTH)).is_ok());
        assert!(mask(&nested(MAX_DEPTH + 1)).is_err());
        let many = |count: usize| {
            let attributes: String =
                (0..count).fold(String::new(), |text, number| text + &format!(" a{number}=''"));
            format!("<a{attributes}/>")
        };
        assert!(mask(&many(MAX_ATTRIBUTES)).is_ok());
        assert!(mask(&many(MAX_ATTRIBUTES + 1)).is_err());
        let spaces = |count: usize| "<a xmlns:b='c'/>".repeat(count);
        assert!(mask(&spaces(MAX_NAMESPACES)).is_ok());
        assert!(mask(&spaces(MAX_NAMESPACES + 1)).is_err());
        assert!(mask("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>").is_err());
    }
}
