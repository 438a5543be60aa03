//! The requests that the playground prints.

use crate::support::Running;

/// A request that the playground printed.
pub(crate) struct Printed {
    pub(crate) comment: String,
    pub(crate) path: String,
    pub(crate) token: Option<String>,
}

/// The `curl` lines, each with the comment above it.
pub(crate) fn printed(running: &mut Running, base: u16) -> Vec<Printed> {
    let mut samples: Vec<Printed> = Vec::new();
    let mut comment = String::new();
    loop {
        let line = running.next_line();
        if line.starts_with("Ctrl-C stops") {
            return samples;
        }
        if let Some(text) = line.strip_prefix("# ") {
            text.clone_into(&mut comment);
        }
        if let Some(request) = line.strip_prefix(&format!("curl -i http://127.0.0.1:{base}")) {
            let (path, token) = match request.split_once(" -H 'Authorization: Bearer ") {
                Some((path, rest)) => (path, Some(rest.strip_suffix('\'').unwrap().to_owned())),
                None => (request, None),
            };
            samples.push(Printed { comment: comment.clone(), path: path.to_owned(), token });
        }
    }
}
