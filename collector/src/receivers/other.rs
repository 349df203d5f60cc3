//! `[[receiver]]`: chat robots, mail, gateways for text messages and calls, syslog.

use super::{Common, levels, scaled, ten_seconds, yes};
use collector_notify::{
    Channel, Gateway, Mail, MailOptions, Protection, Receiver, Robot, RobotKind, RobotOptions,
    Syslog, Target, Template,
};
use serde::Deserialize;
use shared_runtime::Secret;
use shared_runtime::config::{ConfigErrors, Span};
use shared_runtime::telemetry::chain;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a robot takes in a minute.
const ROBOT_PER_MINUTE: u32 = 20;
/// How long levels 3 and 4 wait for others: a burst is one message, and two hours are not shortened by it.
const GROUP_WAIT: Duration = Duration::from_secs(10);

/// What kind of receiver it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    DingTalk,
    WeCom,
    Feishu,
    Mail,
    Sms,
    Voice,
    Syslog,
}

/// One receiver of notifications that is no webhook.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiverKeys {
    /// Its name, as deliveries and metrics show it: 1 to 63 of `a-z 0-9 - _ .`
    name: String,
    /// `dingtalk`, `wecom`, `feishu`, `mail`, `sms`, `voice` or `syslog`.
    kind: Kind,
    /// Levels it is told of. Default `[1, 2, 3, 4]`.
    levels: Option<Vec<u8>>,
    /// Whether it is told of resolutions. Default `true`.
    #[serde(default = "yes")]
    send_resolved: bool,
    /// Told only when nobody has responded for so long: a step of the escalation ladder. Default: at once.
    after: Option<Span>,
    /// How long levels 3 and 4 wait for others that go into the same message. Default `10s`; syslog does not wait.
    group_wait: Option<Span>,
    /// Messages a minute, of which a quarter is kept for levels 1 and 2; 1 to 600. Default 20 for robots, no limit for others.
    per_minute: Option<u32>,
    /// Time for connecting and the answer, 1 s to 60 s. Default `10s`.
    #[serde(default = "ten_seconds")]
    timeout: Span,
    /// PEM file of the authorities that its certificate may come from. Default: those of this machine.
    ca_file: Option<PathBuf>,
    /// Robots: file with the URL in its first line, whose token is a secret; nobody but its owner may read it.
    url_file: Option<PathBuf>,
    /// `sms`, `voice`: where the gateway is, `https://…`. `syslog`: `udp://ADDRESS:PORT` or `tcp://ADDRESS:PORT`.
    url: Option<String>,
    /// Robots: file with the secret that signs messages (DingTalk, Feishu).
    secret_file: Option<PathBuf>,
    /// Robots: who is mentioned, by mobile number (DingTalk) or user id (WeCom, Feishu).
    #[serde(default)]
    mentions: Vec<String>,
    /// Robots: titles and hosts leave the hospital as well. Default `false`: number, level, clause and link only.
    #[serde(default)]
    details: bool,
    /// `sms`, `voice`: body with `{text}`, `{number}`, `{level}`, `{phone}`.
    template: Option<String>,
    /// `sms`, `voice`: its type. Default `application/json`.
    content_type: Option<String>,
    /// `sms`, `voice`: one message each.
    #[serde(default)]
    phones: Vec<String>,
    /// `mail`: `HOST:PORT`.
    server: Option<String>,
    /// `mail`: `tls`, `starttls` or `none`. Default `starttls`.
    protection: Option<Protection>,
    /// `mail`: who signs in, with `password_file`.
    user: Option<String>,
    /// `mail`: file with the password in its first line.
    password_file: Option<PathBuf>,
    /// `mail`: the sender.
    from: Option<String>,
    /// `mail`: the recipients.
    #[serde(default)]
    to: Vec<String>,
}

/// The key that is wrong, and what is wrong with it.
type Wrong = (&'static str, String);

impl ReceiverKeys {
    /// What decisions read of it.
    pub(super) fn receiver(&self, time_scale: u32) -> Receiver {
        let is_robot = matches!(self.kind, Kind::DingTalk | Kind::WeCom | Kind::Feishu);
        let wait = if self.kind == Kind::Syslog { Duration::ZERO } else { GROUP_WAIT };
        Receiver {
            name: self.name.as_str().into(),
            levels: levels(self.levels.as_deref()),
            send_resolved: self.send_resolved,
            after: scaled(self.after, time_scale),
            group_wait: self.group_wait.map_or(wait, Span::get) / time_scale.max(1),
            per_minute: self.per_minute.or(is_robot.then_some(ROBOT_PER_MINUTE)),
        }
    }

    /// What every receiver has.
    pub(super) fn common(&self) -> Common<'_> {
        Common { name: &self.name, levels: self.levels.as_deref(), timeout: self.timeout }
    }

    /// Adds what is wrong with it alone, as a start would find it.
    pub(super) fn check(&self, errors: &mut ConfigErrors, at: &str) {
        if self.per_minute.is_some_and(|n| !(1..=600).contains(&n)) {
            errors.add(format!("{at}.per_minute"), "must be 1 to 600");
        }
        if let Err((key, what)) = self.open("check") {
            errors.add(format!("{at}.{key}"), what);
        }
    }

    /// The channel to it. `host` is this machine's name.
    pub(super) fn open(&self, host: &str) -> Result<Channel, Wrong> {
        Ok(match self.kind {
            Kind::DingTalk => Channel::Robot(self.robot(RobotKind::DingTalk)?),
            Kind::WeCom => Channel::Robot(self.robot(RobotKind::WeCom)?),
            Kind::Feishu => Channel::Robot(self.robot(RobotKind::Feishu)?),
            Kind::Mail => Channel::Mail(self.mail()?),
            Kind::Sms | Kind::Voice => Channel::Gateway(self.gateway()?),
            Kind::Syslog => {
                let url = self.needed("url", self.url.as_deref())?;
                Channel::Syslog(Syslog::new(url, host).map_err(|what| ("url", what))?)
            }
        })
    }

    fn robot(&self, kind: RobotKind) -> Result<Robot, Wrong> {
        let file = self.needed("url_file", self.url_file.as_deref())?;
        let url = secret("url_file", file)?;
        // What is wrong with a URL is said without it: it holds a token.
        let target: Target = url
            .expose()
            .parse()
            .map_err(|_| ("url_file", "its first line is not the robot's URL".to_owned()))?;
        let secret = self.secret_file.as_deref().map(|path| secret("secret_file", path));
        let secret = secret.transpose()?;
        if kind == RobotKind::WeCom && secret.is_some() {
            return Err(("secret_file", "WeCom knows no signature: leave it out".to_owned()));
        }
        let (mentions, details) = (self.mentions.clone(), self.details);
        let options = RobotOptions { kind, secret, mentions, details };
        Robot::new(target, options, self.ca_file.as_deref(), self.timeout.get())
            .map_err(|e| ("ca_file", chain(&e)))
    }

    fn gateway(&self) -> Result<Gateway, Wrong> {
        let url = self.needed("url", self.url.as_deref())?;
        let target: Target = url.parse().map_err(|what| ("url", what))?;
        let template = self.needed("template", self.template.as_deref())?;
        let content_type = self.content_type.as_deref().unwrap_or("application/json");
        let template = Template::new(template, content_type, &self.phones)
            .map_err(|what| ("template", what))?;
        Gateway::new(target, template, self.ca_file.as_deref(), self.timeout.get())
            .map_err(|e| ("ca_file", chain(&e)))
    }

    fn mail(&self) -> Result<Mail, Wrong> {
        let server = self.needed("server", self.server.as_deref())?;
        let parts = server.rsplit_once(':').and_then(|(h, p)| Some((h, p.parse::<u16>().ok()?)));
        let (host, port) = parts.ok_or_else(|| {
            ("server", format!("'{server}' is not HOST:PORT such as mail.lan:587"))
        })?;
        let credentials = match (&self.user, &self.password_file) {
            (Some(user), Some(path)) => Some((user.clone(), secret("password_file", path)?)),
            (None, None) => None,
            _ => return Err(("user", "user and password_file go together".to_owned())),
        };
        let options = MailOptions {
            host: host.to_owned(),
            port,
            protection: self.protection.unwrap_or(Protection::StartTls),
            ca_file: self.ca_file.clone(),
            credentials,
            from: self.needed("from", self.from.as_deref())?.to_owned(),
            to: self.to.clone(),
            timeout: self.timeout.get(),
        };
        Mail::new(&options).map_err(|what| ("to", what))
    }

    fn needed<'a, T: ?Sized>(
        &self,
        key: &'static str,
        value: Option<&'a T>,
    ) -> Result<&'a T, Wrong> {
        value.ok_or_else(|| {
            let kind = format!("{:?}", self.kind).to_lowercase();
            (key, format!("is needed by a receiver of kind {kind}"))
        })
    }
}

fn secret(key: &'static str, path: &Path) -> Result<Secret, Wrong> {
    Secret::from_file(path).map_err(|e| (key, chain(&e)))
}
