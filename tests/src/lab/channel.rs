//! Commands into the guest: its first process takes a line, runs it, and answers with the output and the status.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How the guest's init ends an answer; no output of ours begins so.
const END: &str = "== ";

/// Longest time of one command, the boot before the first one included.
const PATIENCE: Duration = Duration::from_secs(90);

/// The virtio serial port `lab`.
pub struct Channel {
    stream: BufReader<UnixStream>,
}

impl Channel {
    /// Over a connected socket.
    pub fn over(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Runs a line of shell to its end; its output and status, or why there is no answer.
    pub fn run(&mut self, command: &str) -> Result<(String, i32), String> {
        assert!(!command.contains('\n'), "a command is one line: {command}");
        let lost = |error: std::io::Error| format!("no answer to {command:?}: {error}");
        self.stream.get_mut().write_all(format!("{command}\n").as_bytes()).map_err(lost)?;
        let mut said = String::new();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line).map_err(lost)? == 0 {
                return Err(format!("the guest ended at {command:?}: {said}"));
            }
            let line = String::from_utf8_lossy(&line);
            match line.strip_prefix(END).and_then(|status| status.trim().parse().ok()) {
                Some(status) => return Ok((said, status)),
                None => said.push_str(&line),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a peer that answers with output and a status, then goes away within an answer. Guarantees: output and
    /// status are told apart, and a guest that died is an error with what it said.
    #[test]
    fn an_answer_has_output_and_status() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut channel = Channel::over(ours);
        theirs.write_all(b"one\ntwo\n== 3\nhalf\n").unwrap();
        assert_eq!(channel.run("first"), Ok(("one\ntwo\n".to_owned(), 3)));
        let mut reader = BufReader::new(theirs);
        let mut asked = String::new();
        reader.read_line(&mut asked).unwrap();
        assert_eq!(asked, "first\n");
        reader.get_mut().shutdown(std::net::Shutdown::Write).unwrap();
        let lost = channel.run("second").unwrap_err();
        assert!(lost.contains("half"), "{lost}");
    }
}
