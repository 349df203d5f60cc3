//! Programs of the host that some readings can only be had from: a fixed path, fixed arguments, no shell, an empty
//! environment, a limit in time and in bytes.
//!
//! On a captured tree nothing is run: what the program would print is read from `DIR/programs/NAME`.

use agent_probe::{HostRoot, ProbeError};
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Where programs are looked for, whatever `PATH` says: an agent that runs as root must not be led elsewhere.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Most bytes that a program may print; the longest known is the list of systemd units, some 200 KiB.
const LIMIT_BYTES: usize = 2 << 20;

/// What a program printed on its standard output.
#[derive(Debug)]
pub(crate) struct Printed {
    /// The text.
    pub(crate) bytes: Vec<u8>,
    /// Where it comes from, for complaints.
    pub(crate) source: PathBuf,
}

/// Why there is no output.
#[derive(Debug)]
pub(crate) enum NoOutput {
    /// The program is not installed here, or the captured tree has no output of it.
    NotInstalled,
    /// It could not be run, was cut off, or printed too much.
    Failed(ProbeError),
}

/// A program that a probe may run.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    root: HostRoot,
    name: &'static str,
    folders: Vec<PathBuf>,
    timeout: Duration,
}

impl Program {
    /// The program `name`, each run of which may take `timeout`. Runs nothing yet.
    pub(crate) fn new(root: &HostRoot, name: &'static str, timeout: Duration) -> Self {
        let folders = FOLDERS.iter().map(PathBuf::from).collect();
        Self { root: root.clone(), name, folders, timeout }
    }

    fn path(&self) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(self.name)).find(|path| path.is_file())
    }

    /// Runs it with `arguments` and takes what it prints, whatever its exit code: several report findings with it.
    /// `captured` names the output in a captured tree.
    pub(crate) fn run(&self, arguments: &[&str], captured: &str) -> Result<Printed, NoOutput> {
        if !self.root.is_live() {
            let source = self.root.host("programs").join(captured);
            return match std::fs::read(&source) {
                Ok(bytes) => Ok(Printed { bytes, source }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(NoOutput::NotInstalled)
                }
                Err(error) => Err(failed(&source, error)),
            };
        }
        let path = self.path().ok_or(NoOutput::NotInstalled)?;
        let bytes = run(&path, arguments, self.timeout)?;
        Ok(Printed { bytes, source: path })
    }
}

fn failed(path: &Path, source: io::Error) -> NoOutput {
    NoOutput::Failed(ProbeError::Read { path: path.to_owned(), source })
}

fn run(path: &Path, arguments: &[&str], timeout: Duration) -> Result<Vec<u8>, NoOutput> {
    let mut child = Command::new(path)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", FOLDERS.join(":"))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // A group of its own, so that what it starts in its turn ends with it.
        .process_group(0)
        .spawn()
        .map_err(|error| failed(path, error))?;
    let output = child.stdout.take().map(|pipe| collect(pipe, timeout));
    let result = match output {
        Some(Ok(bytes)) if bytes.len() > LIMIT_BYTES => {
            Err(failed(path, io::Error::other("printed more than 2 MiB")))
        }
        Some(Ok(bytes)) => Ok(bytes),
        Some(Err(RecvTimeoutError::Timeout)) => {
            let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            Err(NoOutput::Failed(ProbeError::TimedOut { millis }))
        }
        Some(Err(RecvTimeoutError::Disconnected)) | None => {
            Err(failed(path, io::Error::other("its output could not be read")))
        }
    };
    end(&mut child);
    result
}

/// Everything up to the end of the output, or one byte more than the limit.
fn collect(
    pipe: impl Read + Send + 'static,
    timeout: Duration,
) -> Result<Vec<u8>, RecvTimeoutError> {
    let (send, receive) = sync_channel(1);
    let reader = move || {
        let mut bytes = Vec::new();
        let most = u64::try_from(LIMIT_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        if pipe.take(most).read_to_end(&mut bytes).is_ok() {
            // Nobody waits any more after the timeout.
            drop(send.send(bytes));
        }
    };
    let thread = std::thread::Builder::new().name("exec".into()).stack_size(128 << 10);
    if thread.spawn(reader).is_err() {
        return Err(RecvTimeoutError::Disconnected);
    }
    receive.recv_timeout(timeout)
}

/// Kills what is left of the group and takes the exit code, so that no zombie stays.
fn end(child: &mut Child) {
    if let Ok(None) = child.try_wait() {
        let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            // It may have ended in this moment, then there is nobody to kill.
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
        }
        drop(child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: &'static str, millis: u64) -> Program {
        Program::new(&HostRoot::live(), name, Duration::from_millis(millis))
    }

    /// Scenario: a program that prints its arguments and its environment. Guarantees: the arguments come as given, nothing
    /// expands them, and no variable of ours is handed on.
    #[test]
    fn arguments_are_not_expanded() {
        let printed = program("echo", 10_000).run(&["$HOME", "*", "; true"], "").expect("output");
        assert_eq!(printed.bytes, b"$HOME * ; true\n");
        let printed = program("env", 10_000).run(&[], "").expect("output");
        let text = String::from_utf8(printed.bytes).expect("text");
        let names: Vec<_> = text.lines().filter_map(|line| line.split('=').next()).collect();
        assert_eq!(names, ["LC_ALL", "PATH"]);
    }

    /// Scenario: a program that does not end, one that starts another one which keeps the output open, one that never
    /// stops printing, one that is not there. Guarantees: an answer at the timeout or limit, and nothing left running.
    #[test]
    fn runs_are_limited() {
        let asleep = program("sleep", 50).run(&["600"], "");
        assert!(matches!(asleep, Err(NoOutput::Failed(ProbeError::TimedOut { millis: 50 }))));
        let behind = program("timeout", 50).run(&["600", "sleep", "601"], "");
        assert!(matches!(behind, Err(NoOutput::Failed(ProbeError::TimedOut { .. }))));
        let endless = program("yes", 60_000).run(&[], "");
        let Err(NoOutput::Failed(error)) = endless else { panic!("{endless:?}") };
        assert!(
            matches!(&error, ProbeError::Read { source, .. } if source.to_string().contains("2 MiB"))
        );
        let missing = program("no-such-program", 50).run(&[], "");
        assert!(matches!(missing, Err(NoOutput::NotInstalled)));
    }
}
