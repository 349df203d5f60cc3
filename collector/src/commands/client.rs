//! `client create|list|revoke`.

use super::confirm::confirm;
use super::table::{Format, or_dash};
use crate::admin::{ClientCreated, ClientLine, ClientRequest, Request, ask};
use crate::config::Config;
use anyhow::{Context, bail};
use clap::Subcommand;
use data_encoding::BASE64;
use shared_runtime::replace_file;
use shared_runtime::tls::NodeKey;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(super) enum Client {
    /// Make a key and a certificate with which a program calls the gRPC services for an account
    #[command(
        after_help = "Writes client.key (0600), client.crt and ca.crt. The key does not leave this command; the account's role decides what the program may do.\n\nExamples:\n  wardround-collector user add noc --role engineer\n  wardround-collector client create --account noc -o noc-client\n  grpcurl -cacert noc-client/ca.crt -cert noc-client/client.crt -key noc-client/client.key \\\n    -authority collector.wardround.internal 10.0.0.5:7443 wardround.noc.v1.Incidents/List"
    )]
    Create {
        /// The account that the program acts for; its name must be of A-Z a-z 0-9 - _ .
        #[arg(long)]
        account: String,
        /// Life of the certificate in days, 1 to 398
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=398))]
        days: u32,
        /// Folder for the three files; made when missing
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
    },
    /// List all certificates of programs
    #[command(
        after_help = "Examples:\n  wardround-collector client list\n  wardround-collector client list --format json"
    )]
    List {
        /// text or json
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Shut a certificate out: its calls and streams end within a second
    #[command(
        after_help = "Example:\n  wardround-collector client revoke 5f1c9a… --reason 'laptop lost' --yes"
    )]
    Revoke {
        /// Serial number of the certificate, as 'client list' prints it
        serial: String,
        /// Why, at most 500 characters; kept with the certificate and in the audit trail
        #[arg(long)]
        reason: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Client {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<()> {
        let data = config.data_dir();
        match self {
            Self::Create { account, days, output } => create(config, &account, days, &output),
            Self::List { format } => {
                let clients: Vec<ClientLine> = ask(&data, &Request::Client(ClientRequest::List))?;
                format.print(&clients, &["SERIAL", "ACCOUNT", "STATE", "EXPIRES", "REVOKED"], |c| {
                    vec![
                        c.serial.clone(),
                        c.account.clone(),
                        c.state.clone(),
                        c.expires.clone(),
                        or_dash(c.revoked.clone()),
                    ]
                })
            }
            Self::Revoke { serial, reason, yes } => {
                confirm(&format!("shut out the certificate {serial} for good"), yes)?;
                ask(&data, &Request::Client(ClientRequest::Revoke { serial, reason }))
            }
        }
    }
}

fn create(config: &Config, account: &str, days: u32, output: &Path) -> anyhow::Result<()> {
    let identity = config.account(account).context(
        "--account: a program needs an account whose name fits into a certificate; make one for it with 'wardround-collector user add'",
    )?;
    let [key_path, certificate_path, ca_path] =
        ["client.key", "client.crt", "ca.crt"].map(|name| output.join(name));
    if key_path.exists() {
        bail!("{} is there already: name another folder with -o", key_path.display());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(output)
        .with_context(|| format!("make the folder {}", output.display()))?;
    let key = NodeKey::generate()?;
    let csr_der_base64 = BASE64.encode(&key.request_der()?);
    // The key is on disk before a certificate for it exists.
    replace_file(&key_path, key.pem().expose().as_bytes(), 0o600)?;
    let request = ClientRequest::Create { identity, days, csr_der_base64 };
    let created: ClientCreated = match ask(&config.data_dir(), &Request::Client(request)) {
        Ok(created) => created,
        Err(error) => {
            std::fs::remove_file(&key_path).context("remove the key of no certificate")?;
            return Err(error);
        }
    };
    replace_file(&ca_path, created.ca_pem.as_bytes(), 0o644)?;
    replace_file(&certificate_path, created.certificate_pem.as_bytes(), 0o644)?;
    super::print(&format!(
        "{} is written for {}, serial {}, good until {}",
        certificate_path.display(),
        created.identity,
        created.serial,
        created.expires
    ))
}
