//! What is to be said about a policy document, and where in it.

use super::source::Source;

/// The most messages of one document that are written out; how many more there are is said.
pub(super) const MAX_MESSAGES: usize = 100;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// Something could not be converted: there is no configuration.
    Error,
    /// Something was converted, and means not quite the same, or may not be what is wanted.
    Warning,
    /// Good to know.
    Note,
}

/// One thing to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    severity: Severity,
    /// The byte of the document that it is about; `None` when it is about the whole.
    at: Option<usize>,
    text: String,
}

impl Message {
    /// What keeps the document from being converted.
    pub(super) fn error(at: impl Into<Option<usize>>, text: impl Into<String>) -> Self {
        Self { severity: Severity::Error, at: at.into(), text: text.into() }
    }

    fn line(&self, source: &Source) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let place = self.at.map(|at| source.place(at).to_string()).unwrap_or_default();
        format!("{}{place}: {severity}: {}\n", source.name(), self.text)
    }
}

/// Everything that is to be said about a document.
#[derive(Debug, Default)]
pub(super) struct Report {
    messages: Vec<Message>,
}

impl Report {
    /// Adds a message.
    pub(super) fn add(&mut self, message: Message) {
        self.messages.push(message);
    }

    /// Adds what keeps the document from being converted.
    pub(super) fn error(&mut self, at: impl Into<Option<usize>>, text: impl Into<String>) {
        self.add(Message::error(at, text));
    }

    /// Adds what means not quite the same as in API Management, or may not be what is wanted.
    pub(super) fn warning(&mut self, at: impl Into<Option<usize>>, text: impl Into<String>) {
        self.add(Message { severity: Severity::Warning, at: at.into(), text: text.into() });
    }

    /// Adds what is good to know.
    pub(super) fn note(&mut self, at: impl Into<Option<usize>>, text: impl Into<String>) {
        self.add(Message { severity: Severity::Note, at: at.into(), text: text.into() });
    }

    /// Adds what another report has.
    pub(super) fn append(&mut self, mut other: Self) {
        self.messages.append(&mut other.messages);
    }

    /// Whether something could not be converted.
    pub(super) fn has_errors(&self) -> bool {
        self.messages.iter().any(|message| message.severity == Severity::Error)
    }

    /// One line for each message, in the order of the document: `policy.xml:3:9: error: …`. When there are more than
    /// [`MAX_MESSAGES`], errors go before warnings, warnings before notes.
    pub(super) fn render(mut self, source: &Source) -> String {
        let left_out = self.messages.len().saturating_sub(MAX_MESSAGES);
        self.messages.sort_by_key(|message| message.severity);
        self.messages.truncate(MAX_MESSAGES);
        self.messages.sort_by_key(|message| message.at.unwrap_or(usize::MAX));
        let mut lines: Vec<_> = self.messages.iter().map(|message| message.line(source)).collect();
        if left_out > 0 {
            lines.push(format!("{}: {left_out} more like these\n", source.name()));
        }
        lines.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_stand_in_the_order_of_the_document_and_errors_are_never_left_out() {
        let (source, _) = Source::read("p", b"ab\ncd");
        let mut report = Report::default();
        assert!(!report.has_errors());
        for _ in 0..MAX_MESSAGES {
            report.note(0, "n");
        }
        report.warning(None, "w");
        report.error(4, "e");
        assert!(report.has_errors());
        let text = report.render(&source);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), MAX_MESSAGES + 1);
        assert_eq!(lines.first(), Some(&"p:1:1: note: n"));
        assert_eq!(lines.last_chunk(), Some(&["p:2:2: error: e", "p: warning: w", "p: 2 more like these"]));
    }
}
