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
    /// What the setup asked for beside that.
    pub(crate) columns: Vec<String>,
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

    /// The format of a line, with these columns at its end.
    pub(crate) fn format(columns: &[String]) -> String {
        let request_id = format!("%REQ({REQUEST_ID})%");
        let reported = "%FILTER_STATE(wasm.validate_jwt:PLAIN)%";
        let fixed = [request_id.as_str(), "%RESPONSE_CODE%", "%RESPONSE_CODE_DETAILS%", reported];
        let all: Vec<&str> = fixed.into_iter().chain(columns.iter().map(String::as_str)).collect();
        all.join("\t") + "\n"
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
    Some(Entry {
        id: id.to_owned(),
        status: status.parse().ok()?,
        details: details.to_owned(),
        reported: (reported != "-").then(|| reported.to_owned()),
        columns: fields.map(str::to_owned).collect(),
    })
}
