//! Envoy as a child process that neither outlives the playground nor dies unnoticed.

use crate::ports::Ports;
use rustix::process::{Pid, Signal, getppid, kill_process};
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How many of Envoy's last lines an error repeats.
const LAST_LINES: usize = 20;

/// How long Envoy may take to end when asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Envoy's configuration: the file, or its text when the ports are not the usual ones.
#[derive(Debug)]
pub(crate) enum Config {
    File(PathBuf),
    Text(String),
}

impl Config {
    pub(crate) fn read(path: &Path, ports: &Ports) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("--config: cannot read {}: {error}", path.display()))?;
        let moved = ports.move_config(&text);
        Ok(if moved == text { Self::File(path.to_owned()) } else { Self::Text(moved) })
    }
}

/// A running Envoy.
#[derive(Debug)]
pub(crate) struct Envoy {
    child: Child,
    /// Passes Envoy's log on, and ends with its last lines.
    log: JoinHandle<VecDeque<String>>,
}

impl Envoy {
    pub(crate) fn start(program: &Path, config: &Config) -> Result<Self, String> {
        if !program.is_file() {
            return Err(format!(
                "--envoy: there is no program at {}; `make run` installs one",
                program.display()
            ));
        }
        Self::spawn(program, config)
            .map_err(|error| format!("cannot start Envoy at {}: {error}", program.display()))
    }

    fn spawn(program: &Path, config: &Config) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(GUARD).arg(std::process::id().to_string()).arg(program);
        match config {
            Config::File(path) => command.arg("-c").arg(path),
            Config::Text(text) => command.arg("--config-yaml").arg(text),
        };
        command
            // One worker: what it has answered once, it answers the same way the next time.
            .args(["--concurrency", "1", "--disable-hot-restart"])
            // Quiet, but for the filter; and an access log that does not lag behind the request.
            .args(["--log-level", "warning", "--component-log-level", "wasm:info"])
            .args(["--file-flush-interval-msec", "100"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C reaches the playground alone, which then stops Envoy.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let stderr = child.stderr.take().ok_or_else(|| io::Error::other("no standard error"))?;
        Ok(Self { child, log: tokio::spawn(pass_on(stderr)) })
    }

    /// Waits until Envoy ends by itself; says how it did.
    pub(crate) async fn died(&mut self) -> String {
        let status = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => format!("unknown status: {error}"),
        };
        // A process that Envoy left behind could hold its standard error open for ever.
        let lines = timeout(STOP_TIMEOUT, &mut self.log).await;
        let lines = lines.ok().and_then(Result::ok).unwrap_or_default();
        let lines = Vec::from(lines).join("\n  ");
        format!("Envoy ended by itself ({status}). Its last words:\n  {lines}")
    }

    /// Asks Envoy to end, and makes it.
    pub(crate) async fn stop(mut self) -> io::Result<ExitStatus> {
        // No id: it has ended already.
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM)?;
            if timeout(STOP_TIMEOUT, self.child.wait()).await.is_err() {
                self.child.kill().await?;
            }
        }
        self.child.wait().await
    }
}

async fn pass_on(stderr: ChildStderr) -> VecDeque<String> {
    let mut reader = BufReader::new(stderr);
    let mut last = VecDeque::new();
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        // Envoy must not stop because nobody reads its log.
        let _ignored = io::stderr().write_all(&line);
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(String::from_utf8_lossy(&line).trim_end().to_owned());
        line.clear();
    }
    last
}

/// First argument of this program when it is to turn into Envoy.
const GUARD: &str = "__become-envoy";

/// The parent's process id, and the program with its arguments, if this process is to turn into it.
pub(crate) fn guarded_command(arguments: &[OsString]) -> Option<(&OsStr, &OsStr, &[OsString])> {
    match arguments {
        [_, guard, parent, program, rest @ ..] if guard == GUARD => Some((parent, program, rest)),
        _ => None,
    }
}

/// Turns this process into Envoy, which the system then ends together with its parent, even one that is killed.
///
/// Only a process can ask that for itself, and only `exec` keeps it. Returns when it fails.
pub(crate) fn become_guarded((parent, program, arguments): (&OsStr, &OsStr, &[OsString])) -> io::Error {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::TERM)) {
        return error.into();
    }
    // A parent that ended before the line above is not announced any more.
    let alive = getppid().is_some_and(|pid| parent == OsStr::new(&pid.as_raw_nonzero().to_string()));
    if !alive {
        return io::Error::other("the playground has ended");
    }
    std::process::Command::new(program).args(arguments).exec()
}
