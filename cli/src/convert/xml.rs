//! The elements of a policy document, with the values as they were written.

use std::ops::Range;

use roxmltree::{Attribute, Document, Error, Node, ParsingOptions};

use super::{
    mask::{Expression, Masked},
    report::Message,
    source::{Place, Source},
};

/// The most elements, texts and comments of a document.
pub(super) const MAX_NODES: u32 = 65_536;

/// Stands around a document of several elements, which is none.
const WRAPPER: (&str, &str) = ("<w>", "</w>");

/// A value as it was written, before named values are filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Where it stands.
    pub(super) at: usize,
    /// What it says; an expression with `@` and brackets.
    pub(super) text: String,
}

/// What a parser is given: the masked document, in one element.
#[derive(Debug)]
pub(super) struct Prepared {
    text: String,
    /// How many bytes stand before the document.
    shift: usize,
    expressions: Vec<Expression>,
}

impl Prepared {
    /// Puts an element around what has several at the top.
    pub(super) fn new(masked: Masked) -> Self {
        let Masked { text, expressions, roots } = masked;
        if roots < 2 {
            return Self { text, shift: 0, expressions };
        }
        let text = format!("{}{text}{}", WRAPPER.0, WRAPPER.1);
        Self { text, shift: WRAPPER.0.len(), expressions }
    }

    /// Reads the document.
    pub(super) fn parse(&self, source: &Source) -> Result<Document<'_>, Message> {
        let options =
            ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
        Document::parse_with_options(&self.text, options).map_err(|error| self.problem(&error, source))
    }

    fn problem(&self, error: &Error, source: &Source) -> Message {
        let position = error.pos();
        let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let (line, column) = (number(position.row), number(position.col));
        let column = if line == 1 { column.saturating_sub(self.shift) } else { column };
        let at = source.offset(Place { line, column });
        #[expect(clippy::wildcard_enum_match_arm, reason = "most of them say what is wrong in words that will do")]
        let (at, problem) = match error {
            Error::NoRootNode => (None, "has no element; a policy document of API Management is expected".to_owned()),
            Error::UnclosedRootNode => {
                (Some(source.text().trim_end().len()), "the document ends before its elements do; close them".to_owned())
            }
            Error::NodesLimitReached => (None, format!("has more than {MAX_NODES} elements and texts")),
            Error::InvalidAttributeValue(_) | Error::InvalidChar(b'"' | b'\'', b'<', _) => (
                Some(at),
                "has `<` in the value of an attribute: write `&lt;`, or put in what a placeholder such as `<tenant>` stands for"
                    .to_owned(),
            ),
            Error::MalformedEntityReference(_) => (Some(at), "has a `&` that begins no entity; write `&amp;`".to_owned()),
            Error::UnexpectedCloseTag(expected, found, _) => (
                Some(at),
                format!(
                    "ends `<{}>` where `<{open}>` is open; close `<{open}>` before, or, if it is a placeholder, put in what it \
                     stands for",
                    quoted(found),
                    open = quoted(expected)
                ),
            ),
            other => {
                // The place is that in the masked text; ours is in front.
                let told = other.to_string().replace(&format!(" at {position}"), "");
                (Some(at), format!("is no XML: {}", quoted(&told)))
            }
        };
        Message::error(at, problem)
    }
}

/// Names of the document, and what the parser says of it, without what a terminal would obey.
fn quoted(text: &str) -> String {
    const LONGEST: usize = 120;
    text.chars().filter(|character| !character.is_control()).take(LONGEST).collect()
}

/// A document that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Xml<'d> {
    source: &'d Source,
    prepared: &'d Prepared,
    tree: &'d Document<'d>,
}

impl<'d> Xml<'d> {
    /// The elements of `tree`, which was read from `prepared`.
    pub(super) fn new(source: &'d Source, prepared: &'d Prepared, tree: &'d Document<'d>) -> Self {
        Self { source, prepared, tree }
    }

    /// The elements at the top.
    pub(super) fn top(&self) -> Vec<Node<'d, 'd>> {
        let root = self.tree.root_element();
        if self.prepared.shift == 0 { vec![root] } else { root.children().collect() }
    }

    /// All expressions of the document, with their code.
    pub(super) fn expressions(&self) -> impl Iterator<Item = (Range<usize>, String)> + use<'d> {
        let text = self.source.text();
        self.prepared.expressions.iter().map(|expression| (expression.range.clone(), expression.code(text)))
    }

    fn own(&self, range: &Range<usize>) -> Range<usize> {
        range.start.saturating_sub(self.prepared.shift)..range.end.saturating_sub(self.prepared.shift)
    }

    /// The bytes of an element, text or comment.
    pub(super) fn range(&self, node: Node<'_, '_>) -> Range<usize> {
        self.own(&node.range())
    }

    /// Where it starts.
    pub(super) fn start(&self, node: Node<'_, '_>) -> usize {
        self.range(node).start
    }

    /// Where its first character stands that is no blank.
    pub(super) fn first_character(&self, text: Node<'_, '_>) -> usize {
        let Range { start, end } = self.range(text);
        let written = self.source.text().get(start..end).unwrap_or_default();
        start.saturating_add(written.len().saturating_sub(written.trim_start().len()))
    }

    /// The line in which it starts.
    pub(super) fn line(&self, node: Node<'_, '_>) -> usize {
        self.source.place(self.start(node)).line
    }

    /// The line and column of a byte.
    pub(super) fn place(&self, at: usize) -> Place {
        self.source.place(at)
    }

    /// Where an attribute starts.
    pub(super) fn attribute_start(&self, attribute: &Attribute<'_, '_>) -> usize {
        self.own(&attribute.range()).start
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, attribute: &Attribute<'_, '_>) -> Written {
        let range = self.own(&attribute.range());
        let inside = range.start..range.end.saturating_sub(1);
        let text = self.with_expression(&inside).unwrap_or_else(|| attribute.value().to_owned());
        Written { at: self.own(&attribute.range_value()).start, text }
    }

    /// The text of an element without blanks at its ends; the error is the first element in it.
    pub(super) fn text(&self, node: Node<'d, 'd>) -> Result<Written, Node<'d, 'd>> {
        let mut text = String::new();
        let mut at = None;
        for child in node.children() {
            if child.is_element() {
                return Err(child);
            }
            if let Some(plain) = child.text().filter(|_| child.is_text()) {
                let range = self.range(child);
                let part = self.with_expression(&range).unwrap_or_else(|| plain.to_owned());
                if !plain.trim().is_empty() {
                    at = at.or_else(|| Some(self.first_character(child)));
                }
                text.push_str(&part);
            }
        }
        Ok(Written { at: at.unwrap_or_else(|| self.start(node)), text: text.trim().to_owned() })
    }

    /// The expression within `range`, with what follows it there.
    fn with_expression(&self, range: &Range<usize>) -> Option<String> {
        let expressions = &self.prepared.expressions;
        let first = expressions.partition_point(|expression| expression.range.start < range.start);
        let expression = expressions.get(first).filter(|expression| expression.range.end <= range.end)?;
        let text = self.source.text();
        let after = text.get(expression.range.end..range.end).unwrap_or_default();
        Some(format!("{}{}", expression.code(text), after.trim_end()))
    }
}
