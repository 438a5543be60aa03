//! What the program tells while it runs, and at the end.

use std::io::{self, Write as _};

/// A line of progress; flushed, because standard output may be a pipe.
pub(crate) fn say(what: &str) -> io::Result<()> {
    print(&format!("bench: {what}\n"))
}

/// Text as it is.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
