//! Asking before what cannot be undone.

use anyhow::{Context, bail};
use std::io::{BufRead, IsTerminal, Write};

/// Asks on the terminal unless `yes`; an error when the answer is no or nobody can be asked.
pub(super) fn confirm(question: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!("{question}: nobody can be asked here; add --yes to do it");
    }
    write!(std::io::stderr(), "{question}? [y/N] ").context("ask on standard error")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("read the answer")?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => bail!("nothing was done"),
    }
}
