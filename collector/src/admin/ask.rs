//! The command's end of the admin socket.

use super::{ANSWER_WITHIN, Answer, Request, socket_path};
use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Sends one request to the running daemon and waits for its answer.
pub(crate) fn ask<T: DeserializeOwned>(data_dir: &Path, request: &Request) -> anyhow::Result<T> {
    let path = socket_path(data_dir);
    let mut stream = UnixStream::connect(&path).with_context(|| {
        format!("connect to {}: is the collector running with this data_dir ('wardround-collector serve')?", path.display())
    })?;
    stream.set_read_timeout(Some(ANSWER_WITHIN)).context("set the time limit of the answer")?;
    let mut line = serde_json::to_vec(request).context("write the request")?;
    line.push(b'\n');
    stream.write_all(&line).context("send the request")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).context("read the collector's answer")?;
    let not_understood = "the collector answered something else: are both of the same version?";
    match serde_json::from_str(&answer).context(not_understood)? {
        Answer::Error(why) => bail!("{why}"),
        Answer::Done(result) => serde_json::from_value(result).context(not_understood),
    }
}
