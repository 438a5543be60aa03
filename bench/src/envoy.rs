//! A running Envoy, and what the system tells about it.

use crate::{
    bootstrap::{self, Listener, Surroundings},
    clock,
    http::Message,
    load::Client,
    scratch::Scratch,
};
use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File},
    io::{BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long Envoy may take until it answers, also under a tool that makes it slow.
const STARTING: Duration = Duration::from_mins(8);

/// How often a start is looked at.
const PAUSE: Duration = Duration::from_millis(2);

/// How many of the last bytes of its log an error repeats.
const LAST_BYTES: usize = 2000;

/// How Envoy is run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    /// What stands before the program: a tool that watches it, with its arguments.
    pub(crate) wrapper: Vec<OsString>,
    pub(crate) variables: Vec<(String, String)>,
}

/// A running Envoy.
#[derive(Debug)]
pub(crate) struct Envoy {
    process: Child,
    started: Instant,
    listeners: BTreeMap<String, SocketAddr>,
    scratch: Scratch,
}

impl Envoy {
    /// Starts Envoy with so many workers, and waits until it has opened its listeners.
    pub(crate) fn start(
        program: &Path,
        run: &Run,
        workers: usize,
        listeners: &[Listener],
        around: &Surroundings,
    ) -> Result<Self> {
        let scratch = Scratch::new()?;
        let file = |name| scratch.path().join(name);
        let (configuration, admin) = (file("envoy.json"), file("admin"));
        fs::write(&configuration, bootstrap::document(listeners, around).to_string())?;
        let mut words = run.wrapper.iter().cloned().chain([program.as_os_str().to_owned()]);
        let mut command = Command::new(words.next().context("no program")?);
        command
            .args(words)
            .arg("--config-path")
            .arg(&configuration)
            .args(["--concurrency", &workers.to_string(), "--disable-hot-restart"])
            .args(["--log-level", "warning", "--admin-address-path"])
            .arg(&admin)
            .envs(run.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(file("log"))?);
        let started = clock::instant();
        let process = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let mut envoy = Self { process, started, listeners: BTreeMap::new(), scratch };
        let admin: SocketAddr = envoy.wait(|| fs::read_to_string(&admin).ok()?.trim().parse().ok())?;
        envoy.listeners = envoy.wait(|| {
            let found = open_listeners(admin)?;
            (found.len() == listeners.len()).then_some(found)
        })?;
        Ok(envoy)
    }

    /// Waits until `ready` gives something; an Envoy that ends meanwhile is an error.
    pub(crate) fn wait<T>(&mut self, mut ready: impl FnMut() -> Option<T>) -> Result<T> {
        loop {
            if let Some(status) = self.process.try_wait()? {
                bail!("Envoy ended ({status}). Its last words:\n{}", self.last_words());
            }
            if let Some(outcome) = ready() {
                return Ok(outcome);
            }
            if self.started.elapsed() > STARTING {
                bail!("Envoy is not ready. Its last words:\n{}", self.last_words());
            }
            thread::sleep(PAUSE);
        }
    }

    /// Waits until a listener lets a token pass: the filter has to fetch its keys first.
    pub(crate) fn wait_for(&mut self, address: SocketAddr, path: &str, token: &str) -> Result<()> {
        self.wait(|| (Client::connect(address).ok()?.ask(path, token).ok()? == 200).then_some(()))
    }

    /// Since when it runs.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Where a listener listens.
    pub(crate) fn address(&self, listener: &str) -> Result<SocketAddr> {
        self.listeners.get(listener).copied().with_context(|| format!("no listener `{listener}`"))
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The thread ids of its workers.
    pub(crate) fn workers(&self) -> Result<Vec<u32>> {
        let mut workers = Vec::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.id())).context("this system has no /proc")? {
            let task = task?;
            // A thread that has ended meanwhile is no worker.
            let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            if name.starts_with("wrk:worker") {
                let id = task.file_name().into_string().map_err(|_| anyhow!("a strange thread id"))?;
                workers.push(id.parse()?);
            }
        }
        if workers.is_empty() {
            bail!("no thread of Envoy is called wrk:worker");
        }
        Ok(workers)
    }

    /// How much memory it has for itself: what it has written to, not the program and other files.
    pub(crate) fn own_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        own_bytes(&status).context("the system does not say how much memory Envoy has")
    }

    /// Its version, as it tells.
    pub(crate) fn version(program: &Path) -> Result<String> {
        let output = Command::new(program).arg("--version").output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.split("version:").nth(1).unwrap_or_default().trim();
        Ok(version.split('/').nth(1).unwrap_or(version).to_owned())
    }

    fn last_words(&self) -> String {
        let log = fs::read(self.scratch.path().join("log")).unwrap_or_default();
        let start = log.len().saturating_sub(LAST_BYTES);
        String::from_utf8_lossy(log.get(start..).unwrap_or_default()).into_owned()
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // It may have ended already.
        let _outcome = self.process.kill();
        let _outcome = self.process.wait();
    }
}

fn open_listeners(admin: SocketAddr) -> Option<BTreeMap<String, SocketAddr>> {
    let mut stream = TcpStream::connect(admin).ok()?;
    write!(stream, "GET /listeners?format=json HTTP/1.1\r\nhost: admin\r\n\r\n").ok()?;
    let answer = Message::read(&mut BufReader::new(stream)).ok()??;
    let document: Value = serde_json::from_slice(&answer.body).ok()?;
    let statuses = document.get("listener_statuses")?.as_array()?.iter().map(|listener| {
        let name = listener.get("name")?.as_str()?.to_owned();
        let port = listener.pointer("/local_address/socket_address/port_value")?.as_u64()?;
        Some((name, ([127, 0, 0, 1], u16::try_from(port).ok()?).into()))
    });
    statuses.collect()
}

/// Of `/proc/<pid>/status`.
fn own_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_status_of_a_process() {
        let status = "Name:\tenvoy\nVmRSS:\t  120000 kB\nRssAnon:\t   40000 kB\nRssFile:\t   80000 kB\n";
        assert_eq!(own_bytes(status), Some(40_960_000));
        assert_eq!(own_bytes("Name:\tenvoy\n"), None);
    }
}
