//! Where a policy expression ends: C# in `@(…)` or `@{…}`, which API Management takes raw, with the quotes, `<` and `&&` that
//! XML does not. Brackets are counted outside of strings, characters and comments.

/// How deep strings with holes (`$"…{…}…"`) and the code in the holes may nest.
pub(super) const MAX_NESTED_STRINGS: usize = 32;

/// An expression that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The byte after its last bracket.
    pub(super) end: usize,
    /// Whether it is written as XML wants it: `&quot;` for its quotes.
    pub(super) is_escaped: bool,
}

/// Why an expression has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Its bracket is never closed.
    NotClosed,
    /// A string or a character has no end in its line; where it starts.
    Quote(usize),
    /// A comment has no end; where it starts.
    Comment(usize),
    /// Strings nest deeper than [`MAX_NESTED_STRINGS`].
    TooDeep,
}

/// Whether text starts with an expression.
pub(super) fn starts_expression(text: &str) -> bool {
    text.starts_with("@(") || text.starts_with("@{")
}

/// Finds the end of the expression that starts at byte `start`.
pub(super) fn find_end(text: &str, start: usize) -> Result<Found, Fault> {
    let mut scanner = Scanner { text, at: start, quotes: Quotes::Unknown };
    scanner.next();
    let open = scanner.next().ok_or(Fault::NotClosed)?;
    let mut stack = vec![Frame::code(open)];
    let mut prefix = Prefix::default();
    while let Some(frame) = stack.last_mut() {
        let at = scanner.at;
        let next = scanner.next().ok_or(Fault::NotClosed)?;
        match frame {
            Frame::Code { open, close, depth } => match next {
                '"' if prefix.dollar => stack.push(Frame::Template { is_verbatim: prefix.at, at }),
                '"' => scanner.skip_string(at, prefix.at)?,
                '\'' => scanner.skip_quoted(at, '\'')?,
                '/' if scanner.peek() == Some('/') => scanner.skip_line(),
                '/' if scanner.peek() == Some('*') => scanner.skip_comment(at)?,
                next if next == *open => *depth = depth.saturating_add(1),
                next if next == *close => {
                    *depth = depth.saturating_sub(1);
                    if *depth == 0 {
                        stack.pop();
                    }
                }
                _ => {}
            },
            Frame::Template { is_verbatim, at } => match next {
                '"' if *is_verbatim && scanner.peek() == Some('"') => scanner.advance(),
                '"' => {
                    stack.pop();
                }
                '\\' if !*is_verbatim => scanner.advance(),
                '\n' if !*is_verbatim => return Err(Fault::Quote(*at)),
                '{' if scanner.peek() == Some('{') => scanner.advance(),
                '{' => stack.push(Frame::code('{')),
                _ => {}
            },
        }
        if stack.len() > MAX_NESTED_STRINGS {
            return Err(Fault::TooDeep);
        }
        prefix = prefix.after(next);
    }
    Ok(Found { end: scanner.at, is_escaped: scanner.quotes == Quotes::Escaped })
}

enum Frame {
    /// Brackets are counted.
    Code { open: char, close: char, depth: usize },
    /// A string with holes.
    Template { is_verbatim: bool, at: usize },
}

impl Frame {
    fn code(open: char) -> Self {
        Self::Code { open, close: if open == '(' { ')' } else { '}' }, depth: 1 }
    }
}

/// The marks right before a quote: `$` makes holes, `@` takes `\` as it is.
#[derive(Clone, Copy, Default)]
struct Prefix {
    dollar: bool,
    at: bool,
}

impl Prefix {
    fn after(self, next: char) -> Self {
        match next {
            '$' => Self { dollar: true, ..self },
            '@' => Self { at: true, ..self },
            _ => Self::default(),
        }
    }
}

/// How quotes are written, which the first of them tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Unknown,
    Raw,
    Escaped,
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    quotes: Quotes,
}

impl Scanner<'_> {
    /// The next character as C# has it, and how many bytes of XML it takes.
    fn look(&self) -> Option<(char, usize, Quotes)> {
        let rest = self.text.get(self.at..)?;
        let next = rest.chars().next()?;
        if next == '&' && self.quotes != Quotes::Raw {
            let entity = ENTITIES.iter().find(|(written, _)| rest.starts_with(written));
            if let Some((written, meant)) = entity
                && (self.quotes == Quotes::Escaped || *meant == '"')
            {
                return Some((*meant, written.len(), Quotes::Escaped));
            }
        }
        let is_first = self.quotes == Quotes::Unknown && next == '"';
        let quotes = if is_first { Quotes::Raw } else { self.quotes };
        Some((next, next.len_utf8(), quotes))
    }

    fn peek(&self) -> Option<char> {
        self.look().map(|(next, _, _)| next)
    }

    fn next(&mut self) -> Option<char> {
        let (next, length, quotes) = self.look()?;
        (self.at, self.quotes) = (self.at.saturating_add(length), quotes);
        Some(next)
    }

    fn advance(&mut self) {
        self.next();
    }

    fn skip_string(&mut self, start: usize, is_verbatim: bool) -> Result<(), Fault> {
        if !is_verbatim {
            return self.skip_quoted(start, '"');
        }
        while let Some(next) = self.next() {
            if next == '"' {
                if self.peek() != Some('"') {
                    return Ok(());
                }
                self.advance();
            }
        }
        Err(Fault::Quote(start))
    }

    fn skip_quoted(&mut self, start: usize, quote: char) -> Result<(), Fault> {
        while let Some(next) = self.next() {
            match next {
                '\\' => self.advance(),
                '\n' => break,
                next if next == quote => return Ok(()),
                _ => {}
            }
        }
        Err(Fault::Quote(start))
    }

    fn skip_line(&mut self) {
        while self.next().is_some_and(|next| next != '\n') {}
    }

    fn skip_comment(&mut self, start: usize) -> Result<(), Fault> {
        self.advance();
        while let Some(next) = self.next() {
            if next == '*' && self.peek() == Some('/') {
                self.advance();
                return Ok(());
            }
        }
        Err(Fault::Comment(start))
    }
}

/// What XML writes for the characters that it keeps for itself.
const ENTITIES: [(&str, char); 11] = [
    ("&quot;", '"'),
    ("&#34;", '"'),
    ("&#x22;", '"'),
    ("&apos;", '\''),
    ("&#39;", '\''),
    ("&#x27;", '\''),
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&#xA;", '\n'),
    ("&#10;", '\n'),
    ("&amp;", '&'),
];

/// The C# of an expression that was written as XML wants it.
pub(super) fn unescape(text: &str) -> String {
    ENTITIES
        .iter()
        .fold(text.to_owned(), |text, (written, meant)| text.replace(written, meant.encode_utf8(&mut [0; 4])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_ends_with_its_bracket() {
        for expression in [
            "@(a)",
            "@(a(b)[c])",
            "@{ if (a < b && c) { return d; } return e; }",
            r#"@(x[")"])"#,
            r#"@("\")")"#,
            r#"@(@"\" + ")")"#,
            r#"@(@"a"")")"#,
            r#"@($"a{b[")"]}c)")"#,
            r#"@($"{{)")"#,
            r#"@($@"\{a}"")")"#,
            r#"@(@$"\{a}"")")"#,
            r#"@($"{$"{$")"}"}")"#,
            r"@(a == ')' || b == '\'')",
            "@(a // )\n)",
            "@(a /* ) */ + b)",
            "@{ return new Dictionary<string, string> { { \"a}\", \"b\" } }[x]; }",
            "@(x == &quot;)&quot; &amp;&amp; y)",
            "@(x == &#34;)&#34;)",
            "@(x.Replace(\"&quot;\", \"(\"))",
            "@(ä + \"é)\")",
        ] {
            let text = format!("<a b=\"{expression}\" c=\")}}\">");
            let found = find_end(&text, 6).unwrap_or_else(|fault| panic!("{expression}: {fault:?}"));
            assert_eq!(text.get(6..found.end), Some(expression));
        }
    }

    #[test]
    fn an_expression_without_end_is_told() {
        for (expression, fault) in [
            ("@(a", Fault::NotClosed),
            ("@(a}", Fault::NotClosed),
            ("@{a)", Fault::NotClosed),
            ("@(\"a)", Fault::Quote(2)),
            ("@(\"a\n\")", Fault::Quote(2)),
            ("@(@\"a)", Fault::Quote(3)),
            ("@($\"a\n\")", Fault::Quote(3)),
            ("@('a)", Fault::Quote(2)),
            ("@(/* )", Fault::Comment(2)),
            ("@(", Fault::NotClosed),
        ] {
            assert_eq!(find_end(expression, 0), Err(fault), "{expression}");
        }
        let nested = |depth| format!("@({}1{})", "$\"{".repeat(depth), "}\"".repeat(depth));
        // Each string with a hole is two: the string, and the code in the hole.
        assert!(find_end(&nested(15), 0).is_ok());
        assert_eq!(find_end(&nested(16), 0), Err(Fault::TooDeep));
    }

    #[test]
    fn quotes_tell_how_it_is_written() {
        let is_escaped = |text| find_end(text, 0).unwrap().is_escaped;
        assert!(is_escaped("@(&quot;a&quot;)"));
        assert!(!is_escaped("@(\"&quot;\")"));
        assert_eq!(unescape("&quot;a&quot; &amp;&amp; b &lt; c &amp;quot;"), "\"a\" && b < c &quot;");
    }
}
