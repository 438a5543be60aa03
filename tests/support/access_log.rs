//! Envoy's access log, in a format that a test can read back.

use super::deadline::wait_for;
use super::upstream::REQUEST_ID;
use std::fs;
use std::path::PathBuf;

/// One request as Envoy saw it end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) status: u16,
    pub(crate) details: String,
    /// The reason that a policy noted although it let the request through.
    pub(crate) reported: Option<String>,
}

/// The file.
#[derive(Debug)]
pub(crate) struct AccessLog(PathBuf);

impl AccessLog {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// The format of a line.
    pub(crate) fn format() -> String {
        format!(
            "%REQ({REQUEST_ID})%\t%RESPONSE_CODE%\t%RESPONSE_CODE_DETAILS%\t%FILTER_STATE(wasm.validate_jwt:PLAIN)%\n"
        )
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.0).unwrap_or_default()).into_owned()
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        let text = self.text();
        // Envoy may be in the middle of the last line.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| parse(line).unwrap_or_else(|| panic!("access log line `{line}`"))).collect()
    }

    /// The entry of this request, which Envoy writes a moment after it has answered.
    pub(crate) fn entry(&self, id: &str) -> Entry {
        wait_for(&format!("access log entry of request {id}"), || {
            self.entries().into_iter().find(|entry| entry.id == id)
        })
    }
}

fn parse(line: &str) -> Option<Entry> {
    let mut fields = line.split('\t');
    let (id, status, details, reported) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let entry = Entry {
        id: id.to_owned(),
        status: status.parse().ok()?,
        details: details.to_owned(),
        reported: (reported != "-").then(|| reported.to_owned()),
    };
    fields.next().is_none().then_some(entry)
}
